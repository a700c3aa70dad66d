import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Carrier } from './carrier.ts'
import type { ClientAddress, PeerAddress } from './client-address.ts'
import type { EarlyBytes } from './early-bytes.ts'
import type { RequestHead } from './head.ts'

/** One request and its reply, with what was read from them once. */
export interface Exchange {
  readonly carrier: Carrier
  readonly head: RequestHead
  /** Request target in origin form, byte for byte. */
  readonly url: string
  readonly peer: PeerAddress
  readonly client: ClientAddress
  /** Whether the caller presented the right shared key. */
  readonly hasKey: boolean
  /** Present when the client asks for another protocol on this connection (WebSocket). */
  readonly upgrade: Upgrade | undefined
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
  /** For the log line and the metric: milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** Id of the ExApp as Nextcloud spells it, once known; `app_api` for the control API. Never a visitor's own text. */
  app: string
}

/** HTTP/1.1's way out of HTTP: what it is asked with, and what it happens on. */
export interface Upgrade {
  readonly incoming: IncomingMessage
  readonly reply: ServerResponse
  readonly socket: Socket
  readonly early: EarlyBytes
}

/** Whether a request body follows, whatever its method. */
export const hasBody = ({ carrier, head }: Exchange): boolean => carrier.hasBody(head)
