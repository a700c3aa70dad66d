import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { BandwidthLimit } from '../payload/bandwidth.ts'
import { createPayloadCodec } from '../payload/codec.ts'
import type { PayloadCodec } from '../payload/codec.ts'
import { deriveKey } from '../protocol/cipher.ts'
import { WorkStream } from './work-stream.ts'

const MIB = 1024 * 1024
const key = deriveKey('')
const plain = { useEncryption: false, useCompression: false }
const both = { useEncryption: true, useCompression: true }

interface Ends {
  readonly stream: WorkStream
  /** frpc's end of the connection, and what it does to the bytes. */
  readonly client: Socket
  readonly codec: PayloadCodec
}

/** A work stream on a real connection; the test plays frpc. */
async function withStream(settings: typeof plain, body: (ends: Ends) => Promise<void>, bandwidth?: BandwidthLimit): Promise<void> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  const [[socket]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown]
  const stream = new WorkStream(socket, { codec: createPayloadCodec(settings, key), bandwidth })
  await body({ stream, client, codec: createPayloadCodec(settings, key) })
  stream.destroy()
  client.destroy()
  server.close()
  await once(server, 'close')
}

async function textOf(stream: Socket | WorkStream, decode: (chunk: Buffer) => Iterable<Buffer> = (chunk) => [chunk]): Promise<string> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) text += Buffer.concat([...decode(chunk)]).toString()
  return text
}

/** Whether a count is the same a while later. */
async function standsStill(read: () => number): Promise<boolean> {
  const before = read()
  await delay(100)
  return read() === before
}

describe.each([['plain', plain], ['compressed and encrypted', both]] as const)('a work stream with %s bytes', (_title, settings) => {
  it('holds its end back until the client has ended, and loses nothing of the answer', () =>
    withStream(settings, async ({ stream, client, codec }) => {
      stream.end('question')
      const [chunk] = (await once(client, 'data')) as [Buffer]
      expect(Buffer.concat([...codec.decode(chunk)]).toString()).toBe('question')
      client.write(codec.encode(Buffer.from('answer, ')))
      await once(stream, 'readable')
      expect(client.readableEnded).toBe(false)
      client.end(codec.encode(Buffer.from('long')))
      expect(await textOf(stream)).toBe('answer, long')
      await once(client, 'close')
      expect(client.readableEnded).toBe(true)
    }))

  it('gives out all that came before the client closed, however late it is read', () =>
    withStream(settings, async ({ stream, client, codec }) => {
      const sent = Buffer.alloc(MIB, 'sent ')
      client.end(codec.encode(sent))
      await new Promise((resolve) => setImmediate(resolve))
      expect(await textOf(stream)).toBe(sent.toString())
      await expect.poll(() => stream.closed).toBe(true)
    }))

  it('ends at once with destroySoon(), after its last byte', () =>
    withStream(settings, async ({ stream, client, codec }) => {
      stream.write(Buffer.alloc(MIB, 'x'))
      stream.write('last')
      stream.destroySoon()
      const text = await textOf(client, (chunk) => codec.decode(chunk))
      expect(text).toHaveLength(MIB + 4)
      expect(text.endsWith('last')).toBe(true)
      await expect.poll(() => stream.closed).toBe(true)
    }))

  it('is cut with destroy(), and when the client goes', async () => {
    await withStream(settings, async ({ stream, client }) => {
      stream.destroy()
      await expect.poll(() => client.closed).toBe(true)
    })
    await withStream(settings, async ({ stream, client }) => {
      client.resetAndDestroy()
      await expect.poll(() => stream.closed).toBe(true)
    })
  })

  it('does not read on for an application that does not read', () =>
    withStream(settings, async ({ stream, client, codec }) => {
      let sent = 0
      const send = () => {
        while (sent < 64 * MIB && client.write(codec.encode(Buffer.alloc(MIB, 'y')))) sent += MIB
      }
      client.on('drain', send)
      send()
      stream.read(0)
      await expect.poll(() => standsStill(() => stream.bytesRead)).toBe(true)
      expect(stream.readableLength).toBeLessThan(MIB)
      expect(stream.bytesRead).toBeLessThan(MIB)
    }))

  it('does not take more from an application than the client reads', () =>
    withStream(settings, async ({ stream }) => {
      const fill = () => {
        while (stream.bytesWritten < 64 * MIB && stream.write(Buffer.alloc(64 * 1024))) continue
      }
      stream.on('drain', fill)
      fill()
      await expect.poll(() => standsStill(() => stream.bytesWritten), { timeout: 10_000 }).toBe(true)
      expect(stream.writableNeedDrain).toBe(true)
      expect(stream.writableLength).toBeLessThan(MIB)
    }))
})

it('is cut when what the client sends cannot be read', () =>
  withStream({ useEncryption: false, useCompression: true }, async ({ stream, client }) => {
    stream.resume()
    const failed = once(stream, 'error')
    client.write('this is not compressed')
    expect(await failed).toMatchObject([{ name: 'FrpProtocolError', message: 'a compressed stream has no identifier' }])
    await once(client, 'close')
  }))

it('is cut when the client ends in the middle of a chunk', () =>
  withStream({ useEncryption: false, useCompression: true }, async ({ stream, client, codec }) => {
    stream.resume()
    const failed = once(stream, 'error')
    client.end(codec.encode(Buffer.from('whole')).subarray(0, -1))
    expect(await failed).toMatchObject([{ message: 'a compressed stream ended in the middle of a chunk' }])
  }))

it('keeps to its bandwidth in both directions together', () =>
  withStream(
    plain,
    async ({ stream, client }) => {
      const started = performance.now()
      let received = 0
      client.on('data', (chunk) => (received += chunk.length)).write(Buffer.alloc(100_000))
      stream.on('data', (chunk: Buffer) => (received += chunk.length)).write(Buffer.alloc(100_000))
      await expect.poll(() => received, { timeout: 5000 }).toBe(200_000)
      expect(performance.now() - started).toBeGreaterThan(900) // 100,000 of them may pass at once
      expect(performance.now() - started).toBeLessThan(2500)
    },
    new BandwidthLimit(100_000),
  ))
