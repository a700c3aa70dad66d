import { Duplex } from 'node:stream'

/** A stream that stands where a net.Socket stands: what undici and node:http call on their sockets besides reading and writing. */
export abstract class SocketShaped extends Duplex {
  /** Read by node:http's agent, see `setTimeout`. */
  readonly timeout = 0

  /** Nothing to do: the session keeps itself alive. Called by node:http's agent, like the next four. */
  setKeepAlive(): this {
    return this
  }

  /** Nothing to do: small writes are sent at once. */
  setNoDelay(): this {
    return this
  }

  /** Not supported: the request path measures its own time-outs. */
  setTimeout(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}
