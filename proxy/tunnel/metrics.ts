import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { ConnectionRefusedError, LoginRefusal } from './errors.ts'
import type { TunnelRegistry } from './registry.ts'
import type { ClaimRefusal } from './session/claim.ts'

export type LoginOutcome = 'accepted' | LoginRefusal

/** What the tunnel server counts. */
export interface TunnelMetrics {
  login(outcome: LoginOutcome): void
  claimRefused(refusal: ClaimRefusal): void
  connectionRefused(stage: ConnectionRefusedError['stage']): void
  /** Where it is read what there is now, when somebody asks. */
  observe(counts: { readonly sessions: () => number; readonly unauthenticated: () => number; readonly unreadBytes: () => number }): void
}

/** Registers the tunnels' metrics. Streams and bytes are read from the live tunnels when somebody asks: no work per byte. */
export function createTunnelMetrics(register: Registry, registry: TunnelRegistry): TunnelMetrics {
  const registers = [register]
  const logins = new Counter({
    name: 'harpoon_tunnel_logins_total',
    help: 'FRP logins by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const refusedClaims = new Counter({
    name: 'harpoon_tunnel_claims_refused_total',
    help: 'Proxies that a logged-in FRP client asked for and did not get, by reason',
    labelNames: ['reason'],
    registers,
  })
  const refusedConnections = new Counter({
    name: 'harpoon_tunnel_connections_refused_total',
    help: 'FRP connections that ended before a login, by how far they came',
    labelNames: ['stage'],
    registers,
  })
  perTunnel(register, registry)
  return {
    login: (outcome) => logins.inc({ outcome }),
    claimRefused: (reason) => refusedClaims.inc({ reason }),
    connectionRefused: (stage) => refusedConnections.inc({ stage }),
    observe: ({ sessions, unauthenticated, unreadBytes }) => {
      gauge(register, 'harpoon_tunnel_sessions', 'FRP clients that are logged in', sessions)
      gauge(register, 'harpoon_tunnel_unauthenticated_connections', 'FRP connections that have not logged in', unauthenticated)
      gauge(register, 'harpoon_tunnel_unread_bytes', 'Bytes that came through multiplexed tunnels and wait to be read', unreadBytes)
      gauge(register, 'harpoon_tunnel_waiting_requests', 'Requests that wait for a tunnel to come back', () => registry.waiterCount)
    },
  }
}

function perTunnel(register: Registry, registry: TunnelRegistry): void {
  const labelNames = ['proxy', 'port'] as const
  gauge(register, 'harpoon_tunnels_connected', 'Tunnels that are connected', () => registry.list().length)
  register.registerMetric(
    new Gauge({
      name: 'harpoon_tunnel_open_streams',
      help: 'Streams that requests are using, by tunnel',
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const { proxyName, remotePort, openStreams } of registry.list()) {
          this.set({ proxy: proxyName, port: remotePort }, openStreams)
        }
      },
    }),
  )
  register.registerMetric(
    new Counter({
      name: 'harpoon_tunnel_bytes_total',
      help: 'Bytes of the live session of each tunnel, by direction as we see it',
      labelNames: [...labelNames, 'direction'],
      registers: [],
      collect() {
        this.reset() // a session's own counters are the truth; a new session starts over, as counters may
        for (const { proxyName: proxy, remotePort: port, bytesReceived, bytesSent } of registry.list()) {
          this.inc({ proxy, port, direction: 'received' }, bytesReceived)
          this.inc({ proxy, port, direction: 'sent' }, bytesSent)
        }
      },
    }),
  )
}

function gauge(register: Registry, name: string, help: string, read: () => number): void {
  register.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read())
      },
    }),
  )
}
