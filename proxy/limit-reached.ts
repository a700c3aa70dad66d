import { Counter, type Registry } from 'prom-client'

/**
 * Every limit on what a peer can make us hold, by the name under which its count says how often it turned somebody away.
 * docs/limits.md has a line for each.
 */
export const limitNames = [
  // Visitors' connections and requests
  'http_connections',
  'http_connections_per_address',
  'http_requests',
  'http_requests_per_client',
  'pipelined_requests',
  'pipelined_requests_per_connection',
  'request_head_bytes',
  'request_headers',
  'http2_connection',
  'failing_clients',
  'control_body_bytes',
  // What waits for an ExApp or an engine, and what they answer
  'requests_per_upstream',
  'upgrades_per_tunnel',
  'requests_waiting_for_tunnels',
  'requests_waiting_per_tunnel',
  'upstreams',
  'response_head_bytes',
  'interim_responses',
  'engine_answer_bytes',
  // Nextcloud
  'nextcloud_calls',
  'nextcloud_answer_bytes',
  'cached_sessions',
  'cached_exapps',
  'unknown_exapps',
  // Tunnel clients
  'frp_connections_without_login',
  'frp_connections_without_login_per_address',
  'frp_sessions',
  'frp_sessions_per_token',
  'frp_streams_per_session',
  'frp_connections_per_session',
  'frp_unasked_streams_per_session',
  'frp_idle_work_connections_per_session',
  'frp_requests_waiting_per_session',
  'frp_control_frames_per_session',
  'frp_memory',
  'frp_memory_per_session',
  'failing_frp_clients',
  // Operators
  'admin_connections',
] as const

export type LimitName = (typeof limitNames)[number]

/** Told each time a limit turned somebody away, or made us forget the oldest of something. */
export type OnLimit = (limit: LimitName) => void

/** Counts them; all are there from the start, so that the first time is seen as a change. */
export function createLimitCounter(register: Registry): OnLimit {
  const reached = new Counter({
    name: 'harpoon_limit_reached_total',
    help: 'How often a limit turned somebody away, or made us forget the oldest entry of a table',
    labelNames: ['limit'],
    registers: [register],
  })
  for (const limit of limitNames) reached.inc({ limit }, 0)
  return (limit) => reached.inc({ limit })
}
