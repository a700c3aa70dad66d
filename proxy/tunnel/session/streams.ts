import type { MuxStream } from '../mux/stream.ts'
import { ConnectionRefusedError } from '../errors.ts'
import { encodeMessage } from '../protocol/messages.ts'
import type { Login, ServerMessage } from '../protocol/messages.ts'
import { readFirstMessage } from './first-message.ts'

/** The stream that a Login came on. */
export interface LoginStream {
  readonly stream: MuxStream
  readonly login: Login
}

/** What takes in the work connections of a session, once it has logged in. */
export interface WorkConnectionTaker {
  readonly runId: string
  /** False when there are too many. */
  offer(stream: MuxStream): boolean
}

/** Sorts the streams of one yamux session by their first message. */
export class StreamSorter {
  /** The session's one login. Rejects when the first stream brings none. */
  readonly login: Promise<LoginStream>
  readonly #firstMessageMs: number
  readonly #resolveLogin: (login: LoginStream) => void
  readonly #rejectLogin: (error: unknown) => void
  #hasStream = false
  #taker: WorkConnectionTaker | undefined

  constructor(firstMessageMs: number) {
    const { promise, resolve, reject } = Promise.withResolvers<LoginStream>()
    promise.catch(() => {}) // whoever waits for it sees it; nobody does once the connection is gone
    this.login = promise
    this.#resolveLogin = resolve
    this.#rejectLogin = reject
    this.#firstMessageMs = firstMessageMs
  }

  /** From here on work connections with this session's run id are taken in. */
  sendWorkConnectionsTo(taker: WorkConnectionTaker): void {
    this.#taker = taker
  }

  /** For the muxer's `onStream`. Before the login there is no reason for a second stream, so it costs us nothing. */
  readonly accept = (stream: MuxStream): void => {
    if (this.#taker) void this.#sort(stream)
    else if (this.#hasStream) stream.destroy()
    else {
      this.#hasStream = true
      void this.#readLogin(stream)
    }
  }

  async #readLogin(stream: MuxStream): Promise<void> {
    try {
      const message = await readFirstMessage(stream, this.#firstMessageMs)
      if (message.kind === 'Login') {
        this.#resolveLogin({ stream, login: message.body })
        return
      }
      // Nobody has logged in here, so its work connection, whatever run id it shows, belongs to nobody.
      if (message.kind === 'NewWorkConn') answer(stream, noControl(message.body.run_id))
      this.#rejectLogin(new ConnectionRefusedError('login', `the first message was ${message.kind}, not Login`))
    } catch (error) {
      this.#rejectLogin(error)
    }
  }

  async #sort(stream: MuxStream): Promise<void> {
    try {
      const message = await readFirstMessage(stream, this.#firstMessageMs)
      switch (message.kind) {
        case 'NewWorkConn':
          this.#takeWorkConnection(stream, message.body.run_id)
          return
        case 'NewVisitorConn': {
          const { proxy_name } = message.body
          const error = `custom listener for [${proxy_name}] doesn't exist`
          answer(stream, { kind: 'NewVisitorConnResp', body: { proxy_name, error } })
          return
        }
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

  #takeWorkConnection(stream: MuxStream, runId: string): void {
    if (!this.#taker || runId !== this.#taker.runId) answer(stream, noControl(runId))
    else if (!this.#taker.offer(stream)) {
      answer(stream, { kind: 'StartWorkConn', body: { error: 'work connection pool is full, discarding' } })
    }
  }
}

function noControl(runId: string): ServerMessage {
  return { kind: 'StartWorkConn', body: { error: `no client control found for run id [${runId}]` } }
}

function answer(stream: MuxStream, message: ServerMessage): void {
  stream.write(encodeMessage(message))
  stream.destroySoon()
}
