import type { Duplex } from 'node:stream'
import type { RawClient } from '../tunnel/raw-client.ts'
import { frame, PING, SYN } from '../../proxy/tunnel/mux/peer.fixture.ts'

/** How long an end may take to come that is due at once: machines are slow at times. */
const atOnceMs = 10_000

/** Resolves when the other side has closed the connection. @throws Error when it does not */
export async function isCut(stream: Duplex, withinMs = atOnceMs): Promise<void> {
  stream.resume()
  await within(withinMs, 'the connection was not closed', (resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', resolve)
  })
}

/** Resolves when the session goes on: a ping is answered. @throws Error when it is closed or stands still */
export async function isAlive({ socket }: RawClient): Promise<void> {
  const reply = Buffer.from('000200020000000012345678', 'hex')
  let heard: Buffer = Buffer.alloc(0)
  await within(atOnceMs, 'the session does not answer a ping', (resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      if (heard.includes(reply)) resolve()
    })
    socket.once('close', () => reject(new Error('the session was closed')))
    socket.write(frame(PING, SYN, 0, 0x12345678))
  })
}

/** Writes the same bytes again and again without reading what comes back, until the other side has had enough. */
export async function pour(stream: Duplex, bytes: Buffer, withinMs = 30_000): Promise<void> {
  stream.pause()
  await within(withinMs, 'nobody stopped the flood', (resolve) => {
    const again = (): void => {
      if (stream.destroyed) resolve()
      else stream.write(bytes, () => setImmediate(again))
    }
    stream.once('close', resolve)
    again()
  })
}

function within(ms: number, otherwise: string, wait: (resolve: () => void, reject: (error: Error) => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`${otherwise} within ${ms} ms`)), ms)
  wait(resolve, reject)
  return promise.finally(() => clearTimeout(timer))
}

/** Writes a piece now and then, until the other side has had enough. */
export async function drip(stream: Duplex, piece: Buffer, everyMs: number, withinMs = 30_000): Promise<void> {
  const timer = setInterval(() => void stream.write(piece), everyMs)
  await isCut(stream, withinMs).finally(() => clearInterval(timer))
}
