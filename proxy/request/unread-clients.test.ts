import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UnreadClients } from './unread-clients.ts'

const mebibyte = 1024 ** 2

/** What a reader may have taken before it paused, and what Node reads at once. */
const granularity = 256 * 1024

describe('clients that are not read from', () => {
  let unread: UnreadClients
  let sockets: Socket[]
  beforeEach(() => {
    unread = new UnreadClients()
    sockets = []
  })
  afterEach(() => {
    unread.close()
    for (const socket of sockets) socket.destroy()
  })

  /** A connection of which somebody has had enough at once; tells how much waits for it. */
  async function connected(): Promise<{ client: Socket; server: Socket; waiting: () => number }> {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const client = connect((listener.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const [server] = (await once(listener, 'connection')) as [Socket]
    listener.close()
    sockets.push(client, server.on('error', () => {}))
    let waiting = 0
    server.on('data', (chunk: Buffer) => {
      waiting += chunk.length
      if (waiting >= 64 * 1024) server.pause()
    })
    unread.watch({ socket: server, waiting: () => waiting })
    return { client, server, waiting: () => waiting }
  }

  it('are read 4 MiB ahead, so that an end that is no farther is seen, and no more', async () => {
    const [short, long] = [await connected(), await connected()]
    const ended = once(short.server, 'end')
    short.client.end(Buffer.alloc(3 * mebibyte))
    long.client.end(Buffer.alloc(64 * mebibyte))
    await ended
    await expect.poll(long.waiting, { timeout: 5_000 }).toBeGreaterThan(3.9 * mebibyte)
    await stays(long.waiting)
    expect(long.waiting()).toBeLessThan(4 * mebibyte + granularity)
    expect(long.server.readableEnded).toBe(false)
  })

  it('are read 64 MiB ahead together, and no more', async () => {
    const all = await Promise.all(Array.from({ length: 24 }, connected))
    for (const { client } of all) client.write(Buffer.alloc(16 * mebibyte))
    await expect.poll(() => unread.aheadBytes, { timeout: 15_000 }).toBeGreaterThan(60 * mebibyte)
    await stays(() => unread.aheadBytes)
    expect(unread.aheadBytes).toBeLessThan(64 * mebibyte + all.length * granularity)
  })

  it('are seen to be reset, however much waits', async () => {
    const { client, server, waiting } = await connected()
    client.write(Buffer.alloc(64 * mebibyte))
    await expect.poll(waiting, { timeout: 5_000 }).toBeGreaterThan(3.9 * mebibyte)
    await stays(waiting)
    client.resetAndDestroy()
    await expect.poll(() => server.errored, { timeout: 2_000 }).toMatchObject({ code: 'ECONNRESET' })
  })

  it('are left alone once nobody watches them', async () => {
    const { client, server } = await connected()
    server.emit('close') // as when a connection ends
    client.write(Buffer.alloc(64 * mebibyte))
    await once(server, 'pause')
    await stays(() => server.bytesRead)
    expect(server.bytesRead).toBeLessThan(mebibyte)
  })

  /** Longer than it is between two looks. */
  const stays = async (read: () => number): Promise<void> => {
    let [value, since] = [read(), performance.now()]
    await expect
      .poll(
        () => {
          if (read() !== value) [value, since] = [read(), performance.now()]
          return performance.now() - since
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(1_200)
  }
})
