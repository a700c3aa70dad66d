import type { OnLimit } from '../../limit-reached.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import type { Wire } from '../protocol/wire.ts'
import type { FrpStream } from '../frp-stream.ts'
import type { LoginRequest } from './login-exchange.ts'
import { readOpening } from './read-opening.ts'

/** A work connection as it came: the run id is what it shows to be somebody's. */
export interface WorkConnectionOffer {
  readonly stream: FrpStream
  readonly wire: Wire
  readonly runId: string
}

/** Where the work connections of a session go. */
export interface WorkConnectionTaker {
  /** Connections that were asked for and may still come. */
  readonly asked: number
  /** Takes one in, or says why not: that is what frpc prints. */
  take(offer: WorkConnectionOffer): string | undefined
}

export interface StreamSorterOptions {
  readonly limits: Pick<TunnelLimits, 'firstMessageMs' | 'unaskedStreams'>
  readonly onLimit: OnLimit
}

/** Sorts the streams of one yamux session by their first message. */
export class StreamSorter {
  /** The session's one login. Rejects when the first stream brings none. */
  readonly login: Promise<LoginRequest>
  readonly #options: StreamSorterOptions
  readonly #resolveLogin: (login: LoginRequest) => void
  readonly #rejectLogin: (error: unknown) => void
  #hasStream = false
  #taker: WorkConnectionTaker | undefined
  /** Streams after the login that have not said yet what they are. */
  #unknown = 0

  constructor(options: StreamSorterOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<LoginRequest>()
    promise.catch(() => {}) // whoever waits for it sees it; nobody does once the connection is gone
    this.login = promise
    this.#resolveLogin = resolve
    this.#rejectLogin = reject
    this.#options = options
  }

  /** From here on work connections are taken in. */
  sendWorkConnectionsTo(taker: WorkConnectionTaker): void {
    this.#taker = taker
  }

  /** For the muxer's `onStream`. Before the login there is no reason for a second stream, so it costs us nothing. */
  readonly accept = (stream: FrpStream): void => {
    if (this.#taker) this.#acceptFor(this.#taker, stream)
    else if (this.#hasStream) stream.destroy()
    else {
      this.#hasStream = true
      void this.#readLogin(stream)
    }
  }

  #acceptFor(taker: WorkConnectionTaker, stream: FrpStream): void {
    const { limits, onLimit } = this.#options
    if (this.#unknown >= limits.unaskedStreams && this.#unknown >= limits.unaskedStreams + taker.asked) {
      onLimit('frp_unasked_streams_per_session')
      stream.destroy()
    } else void this.#sort(stream, taker)
  }

  async #readLogin(stream: FrpStream): Promise<void> {
    try {
      const opening = await readOpening(stream, this.#options.limits.firstMessageMs)
      const { wire, message } = opening
      if (message.kind === 'Login') {
        this.#resolveLogin({ stream, opening, login: message.body })
        return
      }
      // Nobody has logged in here, so its work connection, whatever run id it shows, belongs to nobody.
      if (message.kind === 'NewWorkConn') answer(stream, wire, { kind: 'StartWorkConn', body: { error: noControl(message.body.run_id) } })
      this.#rejectLogin(new ConnectionRefusedError('login', `the first message was ${message.kind}, not Login`))
    } catch (error) {
      this.#rejectLogin(error)
    }
  }

  async #sort(stream: FrpStream, taker: WorkConnectionTaker): Promise<void> {
    this.#unknown += 1
    try {
      const { wire, message } = await readOpening(stream, this.#options.limits.firstMessageMs).finally(() => (this.#unknown -= 1))
      switch (message.kind) {
        case 'NewWorkConn': {
          const error = taker.take({ stream, wire, runId: message.body.run_id })
          if (error !== undefined) answer(stream, wire, { kind: 'StartWorkConn', body: { error } })
          return
        }
        case 'NewVisitorConn':
          answer(stream, wire, noVisitors(message.body.proxy_name))
          return
        case 'Login': // one control per session
        case 'NewProxy':
        case 'CloseProxy':
        case 'NatHoleVisitor':
        case 'Ping':
        case 'Ignored':
          stream.destroy()
      }
    } catch {
      stream.destroy() // silent, malformed or already gone: this stream is of no use, the session's others are
    }
  }
}

/** frps' words for a work connection whose control is not here. */
export function noControl(runId: string): string {
  return `no client control found for run id [${runId}]`
}

/** The answer to NewVisitorConn, in frps' words. */
export function noVisitors(proxyName: string): ServerMessage {
  return { kind: 'NewVisitorConnResp', body: { proxy_name: proxyName, error: `custom listener for [${proxyName}] doesn't exist` } }
}

/** Says one thing and ends the stream. */
export function answer(stream: FrpStream, wire: Wire, message: ServerMessage): void {
  stream.write(wire.encode(message))
  stream.destroySoon()
}
