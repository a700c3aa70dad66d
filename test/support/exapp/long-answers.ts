import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'

const blockBytes = 64 * 1024

/** Streams `bytes` bytes of `x` without ever holding more than one block. */
export async function sendBytes(response: ServerResponse, bytes: number, chunked: boolean): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'application/octet-stream',
    ...(chunked ? {} : { 'Content-Length': bytes }),
  })
  await pipeline(Readable.from(blocks(bytes), { objectMode: false }), response)
}

/** Sends `data: <n>` events, numbered from 1, the first at once, until the count is reached or the reader goes away. */
export async function sendEvents(response: ServerResponse, events: number, intervalMs: number): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  for (let event = 1; event <= events; event++) {
    response.write(`data: ${event}\n\n`)
    if (event < events && !(await waitFor(response, intervalMs))) return
  }
  response.end()
}

/** Waits; false when the reader went away meanwhile. */
export async function waitFor(response: ServerResponse, ms: number): Promise<boolean> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  response.once('close', leave)
  try {
    await wait(ms, undefined, { signal: gone.signal })
  } catch {
    return false // Only our own signal ends this wait early.
  } finally {
    response.off('close', leave)
  }
  return true
}

function* blocks(bytes: number): Generator<Buffer> {
  const block = Buffer.alloc(blockBytes, 'x')
  for (let left = bytes; left > 0; left -= blockBytes) yield left >= blockBytes ? block : block.subarray(0, left)
}
