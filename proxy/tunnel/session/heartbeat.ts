import type { ServerMessage } from '../protocol/messages.ts'
import type { Carrier } from './carrier.ts'
import type { WorkConnections } from './work-connections.ts'

/**
 * How long the holder of a name or port has to answer when somebody else claims it. frpc answers within a round trip;
 * one that is frozen or cut off would otherwise hold them until the regular ping fails, after up to 40 s.
 */
const TAKEOVER_PING_MS = 1000

/** The same without a multiplexer, where the answer is a new connection: up to six round trips with TLS in a websocket. */
const TAKEOVER_CONNECTION_MS = 2500

/**
 * Whether the client behind a session answers right now, by default as soon as one whose tunnel is claimed has to. Dead peers
 * that nobody asks about are found by the multiplexer's pings, or by the Pings of the client that do not come.
 */
export function isAnswering(carrier: Carrier, workConnections: WorkConnections, timeoutMs?: number): Promise<boolean> {
  // Without a multiplexer frp has no question from server to client, but every live frpc does what ReqWorkConn asks.
  return carrier.ping ? carrier.ping(timeoutMs ?? TAKEOVER_PING_MS) : workConnections.isRequestAnswered(timeoutMs ?? TAKEOVER_CONNECTION_MS)
}

/** The answer to a Ping. With a multiplexer they come only when a user turned them on, and their absence means nothing. */
export const PONG: ServerMessage = { kind: 'Pong' }
