import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ClientAddress, PeerAddress } from './client-address.ts'
import type { RequestHead } from './head.ts'

/** One request and its reply, with what was read from them once. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly reply: ServerResponse
  readonly head: RequestHead
  /** Request target in origin form, byte for byte. */
  readonly url: string
  readonly peer: PeerAddress
  readonly client: ClientAddress
  /** Whether the caller presented the right shared key. */
  readonly hasKey: boolean
  /** Present when the client asks for another protocol on this connection (WebSocket). */
  readonly upgrade: { readonly socket: Duplex; readonly firstBytes: Buffer } | undefined
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
  /** For the log line and the metric: milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** Id of the ExApp as Nextcloud spells it, once known; `app_api` for the control API. Never a visitor's own text. */
  app: string
}

/** Whether a request body follows, whatever its method. */
export const hasBody = ({ incoming }: Exchange): boolean =>
  incoming.headers['transfer-encoding'] !== undefined || (incoming.headers['content-length'] ?? '0') !== '0'
