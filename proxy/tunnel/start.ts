import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { OnLimit } from '../limit-reached.ts'
import { accept } from './accept.ts'
import type { AcceptContext } from './accept.ts'
import { DEFAULT_TUNNEL_LIMITS } from './limits.ts'
import type { TunnelLimits } from './limits.ts'
import type { TunnelMetrics } from './metrics.ts'
import { ReceiveMemory } from './mux/receive-memory.ts'
import { Outcomes } from './outcomes.ts'
import type { LoginFailures } from './outcomes.ts'
import type { TunnelProxies } from './proxies.ts'
import type { TunnelRegistry } from './registry.ts'
import { sharedKeyRefusal } from './session/login.ts'
import { Sessions } from './session/sessions.ts'
import { Admission } from './transport/admission.ts'
import { listen } from './transport/listener.ts'
import type { WebsocketPolicy } from './transport/open.ts'
import { createTlsTerminator } from './transport/tls.ts'
import type { TunnelTls } from './transport/tls.ts'
import { createWebsocketUpgrade } from './transport/websocket-upgrade.ts'

export interface TunnelServerOptions {
  readonly host: string
  readonly port: number
  /** With a CA, clients need a certificate that it signed. */
  readonly tls: TunnelTls
  /** Also serves clients without TLS: frpc speaks it unless told otherwise, so either has to work (HaRP contract §5.1). */
  readonly allowPlain: boolean
  /** Who may come through a websocket. */
  readonly websocketPolicy: WebsocketPolicy
  /** Asked at each connection. */
  readonly proxies: TunnelProxies
  /** Asked at each login: the current key, and the previous one while it is still valid. */
  readonly sharedKeys: () => readonly string[]
  readonly allowSharedKey: boolean
  /** The port that Nextcloud assigned to an app id; undefined when it does not know the app, throws when it cannot be asked. */
  readonly assignedPort: (appId: string) => Promise<number | undefined>
  /** Ports that no client may have although they are in range. */
  readonly isPortReserved?: (remotePort: number) => boolean
  readonly failures: LoginFailures
  readonly registry: TunnelRegistry
  readonly log: Logger
  readonly metrics: TunnelMetrics
  /** What multiplexed clients may make us hold unread, all together; read at each use. */
  readonly memoryBytes: () => number
  readonly onLimit: OnLimit
  readonly limits?: Partial<TunnelLimits>
}

export interface TunnelServer {
  readonly address: AddressInfo
  /** Certificates for connections to come. @throws Error when they cannot be used */
  setTls(tls: TunnelTls): void
  /** Takes no more clients, lets the streams that are open finish, and ends what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/** Starts the FRP server: clients log in on its port, their tunnels appear in `registry`. @throws Error when it cannot listen */
export async function startTunnelServer(options: TunnelServerOptions): Promise<TunnelServer> {
  const { registry, log, metrics, failures, websocketPolicy, onLimit } = options
  const limits = { ...DEFAULT_TUNNEL_LIMITS, ...options.limits }
  const tls = createTlsTerminator(options.tls, limits.tlsHandshakeMs)
  const sessions = new Sessions(limits)
  const admission = new Admission(limits)
  const memory = new ReceiveMemory({ limitBytes: options.memoryBytes, onLimit })
  metrics.observe({ sessions: () => sessions.count, unauthenticated: () => admission.count, unreadBytes: () => memory.heldBytes })

  const context: AcceptContext = {
    admission,
    proxies: options.proxies,
    tls,
    allowPlain: options.allowPlain,
    websocketPolicy,
    upgradeWebsocket: createWebsocketUpgrade({ timeoutMs: limits.upgradeMs, isOpen: websocketPolicy !== 'off' }),
    loginRules: (peer) => ({
      sharedKeys: options.sharedKeys(),
      sharedKeyRefusal: sharedKeyRefusal(peer, { allowSharedKey: options.allowSharedKey, websocketPolicy }),
      isBanned: failures.isBanned(peer.client),
    }),
    sessions,
    registry,
    claimRules: {
      assignedPort: options.assignedPort,
      isPortReserved: options.isPortReserved ?? (() => false),
      assignedPortMs: limits.assignedPortMs,
    },
    limits,
    memory,
    onLimit,
    outcomes: new Outcomes({ log, metrics, failures, onLimit }),
  }
  const listener = await listen({
    host: options.host,
    port: options.port,
    onConnection: (socket) => void accept(socket, context),
    onError: (err) => log.error({ err }, 'accepting tunnel connections failed'),
  })

  return {
    address: listener.address,
    setTls: (next) => tls.setTls(next),
    close: async (graceMs) => {
      listener.stop()
      registry.stop()
      sessions.stop()
      const stop = new AbortController()
      const grace = delay(graceMs, undefined, { signal: stop.signal }).catch(() => {}) // aborted: all were done before
      const drained = sessions.list().map(async (session) => {
        session.workConnections.stopAsking()
        await Promise.race([session.workConnections.whenIdle(), grace])
        session.close('the server is stopping')
      })
      await Promise.all(drained)
      stop.abort()
      await listener.close()
    },
  }
}
