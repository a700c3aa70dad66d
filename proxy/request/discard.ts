import type { Readable } from 'node:stream'

/** Bytes of an unwanted body that are read so that its client sees the answer first; beyond, it is cut. */
const maxDiscardedBytes = 1024 * 1024

/** An unwanted body that trickles on is cut after this long. */
const maxDiscardMs = 5_000

/**
 * Reads on for a while after an answer that did not wait for the body. To cut it at once would take the answer with it: a
 * reset of a connection does, and curl 7.88 loses an answer that comes in one packet with the reset of its stream.
 */
export function discard(incoming: Readable, cut: () => void): void {
  let discarded = 0
  const timer = setTimeout(cut, maxDiscardMs)
  incoming.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > maxDiscardedBytes) cut()
  })
  incoming.once('close', () => clearTimeout(timer))
  incoming.resume()
}
