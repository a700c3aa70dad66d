import type { Muxer } from '../mux/muxer.ts'
import type { ServerMessage } from '../protocol/messages.ts'

/**
 * How long the holder of a name or port has to answer when somebody else claims it. frpc answers within a round trip;
 * one that is frozen or cut off would otherwise hold them until the regular ping fails, after up to 40 s.
 */
const TAKEOVER_PING_MS = 1000

/** Whether the client behind a session answers right now. Dead peers that nobody asks about are found by the muxer's pings. */
export function isAnswering(muxer: Muxer): Promise<boolean> {
  return muxer.ping(TAKEOVER_PING_MS)
}

/** The answer to a Ping, which comes only when a user turned heartbeats on: their absence never means anything with tcpMux. */
export const PONG: ServerMessage = { kind: 'Pong' }
