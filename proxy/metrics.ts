import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ConnectionCounts } from './http-listener.ts'

/** Seconds; from a cached public request to the longest wait that a time-out allows. */
const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

/** Sizes that are read when somebody asks. */
export interface Sizes {
  readonly nextcloudCalls: () => number
  readonly sessions: () => number
  readonly exApps: () => number
  readonly failingClients: () => number
  readonly bannedClients: () => number
  readonly failingTunnelClients: () => number
  readonly bannedTunnelClients: () => number
  /** Bytes of uploads that were read ahead of their ExApps. */
  readonly aheadBytes: () => number
  /** Of each HTTP listener, by its name. */
  readonly connections: Readonly<Record<string, () => ConnectionCounts>>
}

export interface Metrics {
  readonly register: Registry
  /** One finished request; `app` is a known ExApp's id or `app_api`, empty when the request never got that far. */
  request(app: string, outcome: string, status: number, seconds: number): void
  /** What was answered to something that never became a request. */
  readonly badHttp: (status: number) => void
  nextcloudCall(call: string, outcome: string, seconds: number): void
  readonly webSockets: { opened(): void; closed(): void }
  readonly requests: { begun(): void; ended(): void }
  watch(sizes: Sizes): void
}

/** The data plane's own metrics. Tunnels add theirs to the same register. Labels hold ids of known ExApps only, never a visitor's text. */
export function createMetrics(): Metrics {
  const register = new Registry()
  const registers = [register]
  collectDefaultMetrics({ register })
  const requests = new Counter({ name: 'harpoon_requests_total', help: 'Requests by ExApp, outcome and status (0: dropped)', labelNames: ['app', 'outcome', 'status'], registers })
  const duration = new Histogram({ name: 'harpoon_request_duration_seconds', help: 'From the request head to the end of the answer', labelNames: ['app', 'outcome'], buckets: latencyBuckets, registers })
  const calls = new Counter({ name: 'harpoon_nextcloud_calls_total', help: 'Calls to Nextcloud by endpoint and status or failure', labelNames: ['call', 'outcome'], registers })
  const callDuration = new Histogram({ name: 'harpoon_nextcloud_call_duration_seconds', help: 'Duration of calls to Nextcloud', labelNames: ['call'], buckets: latencyBuckets, registers })
  const webSockets = new Gauge({ name: 'harpoon_upgraded_connections', help: 'WebSockets and other upgraded connections that are open', registers })
  let running = 0
  return {
    register,
    requests: { begun: () => void (running += 1), ended: () => void (running -= 1) },
    request(app, outcome, status, seconds) {
      requests.inc({ app, outcome, status })
      // A WebSocket lasts as long as its page is open, which says nothing about how fast anything is.
      if (status !== 101) duration.observe({ app, outcome }, seconds)
    },
    badHttp: (status) => requests.inc({ app: '', outcome: 'bad-http', status }),
    nextcloudCall(call, outcome, seconds) {
      calls.inc({ call, outcome })
      callDuration.observe({ call }, seconds)
    },
    webSockets: { opened: () => webSockets.inc(), closed: () => webSockets.dec() },
    watch(sizes) {
      const gauge = (name: string, help: string, read: () => number): void => {
        register.registerMetric(new Gauge({ name, help, registers: [], collect() { this.set(read()) } }))
      }
      gauge('harpoon_nextcloud_calls_running', 'Calls to Nextcloud that are under way or wait for a connection', sizes.nextcloudCalls)
      gauge('harpoon_cached_sessions', 'Visitors whose identity is remembered', sizes.sessions)
      gauge('harpoon_cached_exapps', 'ExApps whose record is remembered', sizes.exApps)
      gauge('harpoon_failing_clients', 'Clients with failed requests in the window', sizes.failingClients)
      gauge('harpoon_banned_clients', 'Clients that are banned now', sizes.bannedClients)
      gauge('harpoon_failing_tunnel_clients', 'Addresses with failed FRP logins in the window', sizes.failingTunnelClients)
      gauge('harpoon_banned_tunnel_clients', 'Addresses whose FRP logins are refused now', sizes.bannedTunnelClients)
      gauge('harpoon_requests_running', 'Requests that have not ended yet, WebSockets included', () => running)
      gauge('harpoon_read_ahead_bytes', 'Bytes of uploads that wait here because their ExApps do not read them', sizes.aheadBytes)
      register.registerMetric(connectionGauge(sizes.connections))
    },
  }
}

function connectionGauge(connections: Sizes['connections']): Gauge {
  return new Gauge({
    name: 'harpoon_http_connections',
    help: 'Connections of HTTP clients by listener and protocol',
    labelNames: ['listener', 'protocol'],
    registers: [],
    collect() {
      for (const [listener, count] of Object.entries(connections)) {
        for (const [protocol, value] of Object.entries(count())) this.set({ listener, protocol }, value)
      }
    },
  })
}
