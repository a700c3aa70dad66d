import type { FrpStream } from '../frp-stream.ts'

/** What the streams of one client travel on: one multiplexed connection, or with `tcpMux = false` a connection each. */
export interface Carrier {
  readonly isMultiplexed: boolean
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Resolves when nothing can travel any more, with the reason unless the client ended it in order. */
  readonly closed: Promise<Error | undefined>
  /** Whether the client answered within the time; only a multiplexer lets a server ask. */
  readonly ping?: (timeoutMs: number) => Promise<boolean>
  /** Counts a work connection as its own; false when there are too many. */
  adopt(stream: FrpStream): boolean
  /** Ends all of it. */
  close(): void
}
