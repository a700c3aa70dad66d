import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { maxBodyBytes } from '../../proxy/appapi/plugin.ts'
import { maxVersionBytes } from '../../proxy/appapi/engine-version.ts'
import { maxHeadBytes, maxHeaders } from '../../proxy/bad-http.ts'
import { readConfig } from '../../proxy/config.ts'
import { maxPipelined } from '../../proxy/http1-server.ts'
import { maxStreams } from '../../proxy/http2-sessions.ts'
import { addressShare } from '../../proxy/http-connections.ts'
import { type LimitName, limitNames } from '../../proxy/limit-reached.ts'
import { defaultLimits } from '../../proxy/limits.ts'
import { maxBodyBytes as maxAnswerBytes } from '../../proxy/nextcloud/json-reply.ts'
import { maxResponseHeadBytes } from '../../proxy/request/connection-pools.ts'
import { maxInterimResponses } from '../../proxy/request/response-relay.ts'
import { maxAheadBytes, maxAheadBytesTogether } from '../../proxy/request/unread-clients.ts'
import { DEFAULT_TUNNEL_LIMITS } from '../../proxy/tunnel/limits.ts'
import { defaultMuxLimits } from '../../proxy/tunnel/mux/limits.ts'
import { SESSION_SHARE } from '../../proxy/tunnel/mux/receive-memory.ts'
import { POOL_SLACK } from '../../proxy/tunnel/session/work-connections.ts'

const { limits } = readConfig({ HP_SHARED_KEY: 'k', NC_INSTANCE_URL: 'http://nextcloud.example' })
const count = (number: number): string => number.toLocaleString('en')
const bytes = (number: number): string => (number >= 1024 ** 2 ? `${number / 1024 ** 2} MiB` : `${number / 1024} KiB`)
const share = new Map([[1 / 2, 'half'], [1 / 4, 'a quarter']])

/** Where the code has each limit, in the page's words. */
const defaults: Readonly<Record<LimitName, string>> = {
  http_connections: `${count(limits.connections)} (\`HARPOON_MAX_CONNECTIONS\`)`,
  http_connections_per_address: `${share.get(addressShare)} of \`http_connections\``,
  http_requests: 'as `http_connections`',
  http_requests_per_client: `${share.get(addressShare)} of \`http_connections\``,
  pipelined_requests: count(defaultLimits.pipelinedRequests),
  pipelined_requests_per_connection: count(maxPipelined),
  request_head_bytes: bytes(maxHeadBytes),
  request_headers: count(maxHeaders),
  http2_connection: count(maxStreams),
  failing_clients: count(defaultLimits.failingClients),
  control_body_bytes: bytes(maxBodyBytes),
  requests_per_upstream: count(defaultLimits.requestsPerUpstream),
  upgrades_per_tunnel: count(defaultLimits.upgradesPerTunnel),
  requests_waiting_for_tunnels: count(defaultLimits.requestsWaitingForTunnels),
  requests_waiting_per_tunnel: count(defaultLimits.requestsWaitingPerTunnel),
  upstreams: count(defaultLimits.upstreams),
  response_head_bytes: bytes(maxResponseHeadBytes),
  interim_responses: count(maxInterimResponses),
  engine_answer_bytes: bytes(maxVersionBytes),
  nextcloud_calls: count(defaultLimits.nextcloudCalls),
  nextcloud_answer_bytes: bytes(maxAnswerBytes),
  cached_sessions: count(defaultLimits.cachedSessions),
  cached_exapps: count(defaultLimits.cachedExApps),
  unknown_exapps: count(defaultLimits.unknownExApps),
  frp_connections_without_login: count(DEFAULT_TUNNEL_LIMITS.unauthenticatedConnections),
  frp_connections_without_login_per_address: count(DEFAULT_TUNNEL_LIMITS.unauthenticatedConnectionsPerAddress),
  frp_sessions: count(DEFAULT_TUNNEL_LIMITS.sessions),
  frp_sessions_per_token: count(DEFAULT_TUNNEL_LIMITS.sessionsPerToken),
  frp_streams_per_session: count(DEFAULT_TUNNEL_LIMITS.streamsPerSession),
  frp_connections_per_session: count(DEFAULT_TUNNEL_LIMITS.connectionsPerSession),
  frp_unasked_streams_per_session: count(DEFAULT_TUNNEL_LIMITS.unaskedStreams),
  frp_idle_work_connections_per_session: count(POOL_SLACK),
  frp_requests_waiting_per_session: count(DEFAULT_TUNNEL_LIMITS.workConnectionWaiters),
  frp_control_frames_per_session: count(defaultMuxLimits.maxQueuedControlFrames),
  frp_memory: `${bytes(limits.tunnelMemoryBytes)} (\`HARPOON_TUNNEL_MEMORY_MIB\`)`,
  frp_memory_per_session: `${share.get(SESSION_SHARE)} of \`frp_memory\``,
  failing_frp_clients: count(defaultLimits.failingClients),
  admin_connections: count(defaultLimits.adminConnections),
}

describe('docs/limits.md', async () => {
  const page = await readFile(new URL('../../docs/limits.md', import.meta.url), 'utf8')
  const documented = page.split('\n').flatMap((line) => {
    const [, name, value] = /^\| `(\w+)` \| ([^|]+) \|/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })

  it('has a line for each limit that is counted, and for no other', () => {
    expect(documented.map(([name]) => name).sort()).toEqual([...limitNames].sort())
  })

  it.each(documented)('says what %s is by default: %s', (name, value) => {
    expect(value).toBe(defaults[name as LimitName])
  })

  it('says how much is read ahead', () => {
    expect(page).toContain(`${bytes(maxAheadBytes)} are read ahead (${bytes(maxAheadBytesTogether)} of all clients together)`)
  })

  it.each(['README.md', 'docs/settings.md'])('is linked from %s', async (file) => {
    expect(await readFile(new URL(`../../${file}`, import.meta.url), 'utf8')).toMatch(/\((docs\/)?limits\.md\)/)
  })
})
