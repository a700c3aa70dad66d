import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** One connection in frp's sense: a stream of a multiplexed session, or with `tcpMux = false` a transport of its own. */
export type FrpStream = Duplex & {
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Sends what was written, ends, and drops what still comes. */
  destroySoon(): void
  /** Sends what was written and ends, and can still be read. Only there where `end()` waits for the client's end first. */
  endNow?(): void
}

/** frpc closes what was refused by itself; one that does not is not worth more time. */
const REFUSAL_LINGER_MS = 1000

/** Resolves when the stream is closed. */
export function whenClosed(stream: Duplex): Promise<void> {
  return stream.closed ? Promise.resolve() : new Promise((resolve) => void stream.once('close', resolve))
}

/** Gives a client that was just refused a moment to read the answer; `gone` says that it has left. */
export async function linger(gone: Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  const timer = delay(REFUSAL_LINGER_MS, undefined, { signal: stop.signal }).catch(() => {}) // aborted: the client was faster
  await Promise.race([gone, timer])
  stop.abort()
}
