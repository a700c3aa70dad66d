import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefusedError } from '../errors.ts'
import type { LoginRefusedError } from '../errors.ts'
import type { Muxer } from '../mux/muxer.ts'
import type { MuxStream } from '../mux/stream.ts'
import { encodeMessage } from '../protocol/messages.ts'
import { ControlStream } from './control-stream.ts'
import type { LoginStream, StreamSorter } from './streams.ts'

/** What we say we are: frpc writes it into its log, and 0.61.1 is the version that HaRP's clients are told to use. */
const SERVER_VERSION = '0.61.1'

/** frpc closes a session that was refused by itself; one that does not is not worth more time. */
const REFUSAL_LINGER_MS = 1000

/** The Login of a session that was just opened. @throws ConnectionRefusedError or FrpProtocolError when none comes in time */
export async function awaitLogin(muxer: Muxer, streams: StreamSorter, timeoutMs: number): Promise<LoginStream> {
  const stop = new AbortController()
  const { signal } = stop
  try {
    return await Promise.race([
      streams.login,
      muxer.closed.then((cause) => {
        throw new ConnectionRefusedError('mux', 'the session ended before a login', { cause })
      }),
      delay(timeoutMs, undefined, { signal }).then(() => {
        throw new ConnectionRefusedError('login', 'no login came in time')
      }),
    ])
  } finally {
    stop.abort()
  }
}

/** Tells the client that it is in; from here on both directions are encrypted. */
export function confirmLogin(stream: MuxStream, runId: string): ControlStream {
  stream.write(encodeMessage({ kind: 'LoginResp', body: { version: SERVER_VERSION, run_id: runId } }))
  return new ControlStream(stream)
}

/** Tells the client why it is not in, and gives it a moment to read that. */
export async function refuseLogin(stream: MuxStream, muxer: Muxer, { message }: LoginRefusedError): Promise<void> {
  stream.write(encodeMessage({ kind: 'LoginResp', body: { version: SERVER_VERSION, error: message } }))
  stream.destroySoon()
  const stop = new AbortController()
  const linger = delay(REFUSAL_LINGER_MS, undefined, { signal: stop.signal }).catch(() => {}) // aborted: the client was faster
  await Promise.race([muxer.closed, linger])
  stop.abort()
  muxer.close()
}
