import { existsSync } from 'node:fs'
import type { BlockList } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startAdminServer } from './admin.ts'
import { createControl } from './appapi/control.ts'
import { Engines, localEnginePort } from './appapi/engines.ts'
import { createControlApi } from './appapi/plugin.ts'
import { certificateFiles, readCertificates } from './certificates/read.ts'
import { reloadCertificates } from './certificates/reload.ts'
import type { ProxyConfig } from './config.ts'
import { type Check, expiryCheck } from './health.ts'
import { HttpConnections } from './http-connections.ts'
import { type HttpListener, startHttpListener } from './http-listener.ts'
import { createLimitCounter, type LimitName } from './limit-reached.ts'
import { defaultLimits, type ProxyLimits } from './limits.ts'
import type { LiveSettings } from './live-settings.ts'
import type { Logger } from './log.ts'
import { createMetrics } from './metrics.ts'
import { createNextcloudClient } from './nextcloud/client.ts'
import { ExAppCache } from './nextcloud/exapp-cache.ts'
import { NextcloudWatch } from './nextcloud/watch.ts'
import { SessionCache } from './nextcloud/session-cache.ts'
import { Quota } from './quota.ts'
import { BanList } from './request/ban-list.ts'
import { clientAddress, isTrusted, peerAddress } from './request/client-address.ts'
import { createConnect } from './request/connect.ts'
import { ConnectionPools } from './request/connection-pools.ts'
import { createForward } from './request/forward.ts'
import { createFront } from './request/front.ts'
import { createPipeline } from './request/pipeline.ts'
import { createResponder } from './request/respond.ts'
import { boundRequests } from './request/running-requests.ts'
import { createKeyCheck } from './request/shared-key.ts'
import { UnreadClients } from './request/unread-clients.ts'
import { boundForward } from './request/upstream-load.ts'
import { createDial } from './tunnel/dial.ts'
import type { TunnelLimits } from './tunnel/limits.ts'
import { createTunnelMetrics } from './tunnel/metrics.ts'
import { TunnelRegistry } from './tunnel/registry.ts'
import { startTunnelServer } from './tunnel/start.ts'
import { watchFiles } from './watch-files.ts'

/** The running data plane. Ports are the real ones, also where the settings asked for any. */
export interface DataPlane {
  readonly ports: { readonly http: number; readonly https: number | undefined; readonly frp: number; readonly admin: number }
  /** Reads settings and certificates again; what is broken is reported and changes nothing. Happens by itself when their files change. */
  reload(): Promise<void>
  /** Stops accepting, finishes what runs within `HARPOON_STOP_TIMEOUT`, then ends the rest. */
  close(): Promise<void>
}

export interface DataPlaneDeps {
  readonly log: Logger
  /** Wall clock in milliseconds, for certificates. */
  readonly now: () => number
  /** Milliseconds that only ever go forward, for bans and caches. */
  readonly uptime: () => number
  /** Where they are to be other than what this version has: tests lower them, so that they can be reached. */
  readonly limits?: Partial<ProxyLimits>
  readonly tunnelLimits?: Partial<TunnelLimits>
}

/** All wiring: which part gets what, and which listener mounts what. Throws when a certificate or a port cannot be used. */
export async function startDataPlane(settings: LiveSettings, { log, now, uptime, tunnelLimits = {}, ...deps }: DataPlaneDeps): Promise<DataPlane> {
  // `config` is what the start decides; what may change while running is read from `settings.current` at each use.
  const config = settings.current
  const limits: ProxyLimits = { ...defaultLimits, ...deps.limits }
  const metrics = createMetrics()
  const onLimit = createLimitCounter(metrics.register)
  const maxConnections = (): number => settings.current.limits.connections
  const sharedKeys = (): readonly string[] => settings.current.sharedKeys
  const trustedProxies = (): BlockList => settings.current.trustedProxies.networks
  const timeouts = (): ProxyConfig['timeouts'] => settings.current.timeouts
  const bansWith = (onFull: () => void): BanList =>
    new BanList({
      get count() { return settings.current.bans.count },
      get windowMs() { return settings.current.bans.windowMs },
      now: uptime,
      maxAddresses: limits.failingClients,
      onFull,
    })

  // What Nextcloud says
  const watch = new NextcloudWatch({ log, count: (call, outcome, seconds) => metrics.nextcloudCall(call, outcome, seconds) })
  const nextcloud = createNextcloudClient({ url: config.nextcloudUrl, sharedKeys, observe: watch.observe, maxCalls: limits.nextcloudCalls, onLimit })
  const exApps = new ExAppCache({
    fetch: (appId) => nextcloud.exApp(appId),
    now: uptime,
    maxKnown: limits.cachedExApps,
    maxUnknown: limits.unknownExApps,
    onFull: (table) => onLimit(table === 'known' ? 'cached_exapps' : 'unknown_exapps'),
    onRecord: watch.onRecord,
    onRefreshError: watch.onRefreshError,
  })
  const sessions = new SessionCache({
    fetch: (appId, visitor) => nextcloud.user(appId, visitor),
    get lifetimeMs() { return settings.current.sessionLifetimeMs },
    maxSessions: limits.cachedSessions,
    onFull: () => onLimit('cached_sessions'),
    now: uptime,
  })

  // Tunnels
  const registry = new TunnelRegistry({ maxWaiters: limits.requestsWaitingForTunnels, maxWaitersPerTunnel: limits.requestsWaitingPerTunnel })
  const hasLocalSocket = (): boolean => existsSync(config.dockerSocket)
  const tunnelFailures = bansWith(() => onLimit('failing_frp_clients'))
  const certificates = await readCertificates(config, { log, now })
  const tunnels = await startTunnelServer({
    ...config.listen.frp,
    tls: certificates.frp,
    allowPlain: !config.frpTls,
    websocketPolicy: config.frpWebsocket,
    proxies: {
      isTrusted: (peer) => isTrusted(peer, trustedProxies()),
      clientBehind: (peer, forwarding) => clientAddress(peerAddress(peer), forwarding, trustedProxies()),
    },
    sharedKeys,
    get allowSharedKey() { return settings.current.tunnelSharedKey },
    // A claim is rare and a refused one costs frpc 30 s, so an old record must not decide it.
    assignedPort: async (appId) => (await exApps.findFresh(appId))?.port,
    isPortReserved: (port) => port === localEnginePort && hasLocalSocket(),
    failures: tunnelFailures,
    registry,
    log,
    metrics: createTunnelMetrics(metrics.register, registry),
    memoryBytes: () => settings.current.limits.tunnelMemoryBytes,
    onLimit,
    limits: tunnelLimits,
  })

  // Requests
  const bans = bansWith(() => onLimit('failing_clients'))
  const connect = createConnect({ dial: createDial({ registry }), timeoutMs: () => timeouts().connectMs })
  const pools = new ConnectionPools(connect, limits, onLimit)
  const responder = createResponder({
    bans,
    log,
    observe: (exchange, outcome, status) => metrics.request(exchange.app, outcome, status, (performance.now() - exchange.startedAt) / 1000),
    onLimit,
  })
  const unread = new UnreadClients()
  const forward = boundForward(createForward({ connect, pools, unread, get timeouts() { return timeouts() }, webSockets: metrics.webSockets }), limits)
  const controlApi = await createControlApi({ storage: exApps, clientMs: () => timeouts().clientMs })
  const engines = new Engines({ pools, socketPath: config.dockerSocket, hasLocalSocket, get timeoutMs() { return timeouts().connectMs } })
  const pipeline = createPipeline({
    bans,
    findExApp: (appId) => exApps.find(appId),
    findUser: (appId, visitor, hasSession) => sessions.find(appId, visitor, hasSession),
    expectsTunnel: (port) => registry.isExpected(port),
    forward,
    control: createControl({ engines, forward, api: (exchange, url) => controlApi.serve(exchange, url) }),
    front: config.front ? createFront({ nextcloudUrl: config.nextcloudUrl, trustedProxies, forward }) : undefined,
    responder,
    requests: metrics.requests,
  })

  // Listeners
  const common = {
    pipeline: boundRequests({ pipeline, responder, max: maxConnections }),
    connections: new HttpConnections({ max: maxConnections, trustedProxies, onLimit }),
    pipelined: new Quota(() => ({ total: limits.pipelinedRequests, perKey: Infinity })),
    unread,
    isSharedKey: createKeyCheck(sharedKeys),
    trustedProxies,
    clientMs: config.timeouts.clientMs,
    onRefused: (status: number, limit?: LimitName) => {
      metrics.badHttp(status)
      if (limit) onLimit(limit)
    },
    onLimit,
  }
  const http = await startHttpListener({ ...common, listen: config.listen.http })
  const https = certificates.https && (await startHttpListener({ ...common, listen: config.listen.https, tls: certificates.https }))
  const listeners: readonly HttpListener[] = https ? [http, https] : [http]

  metrics.watch({
    nextcloudCalls: () => nextcloud.callCount,
    sessions: () => sessions.size,
    exApps: () => exApps.size,
    failingClients: () => bans.size,
    bannedClients: () => bans.bannedCount,
    failingTunnelClients: () => tunnelFailures.size,
    bannedTunnelClients: () => tunnelFailures.bannedCount,
    aheadBytes: () => unread.aheadBytes,
    connections: { http: () => http.countConnections(), ...(https ? { https: () => https.countConnections() } : {}) },
  })
  let stopping = false
  const checks: readonly Check[] = [
    { name: 'running', gating: true, problem: () => (stopping ? 'stopping' : undefined) },
    { name: 'settings', gating: false, problem: () => settings.problem },
    ...[...certificates.expiries.keys()].map((name) => expiryCheck(name, () => certificates.expiries.get(name), now)),
    { name: 'nextcloud', gating: false, problem: () => watch.problem },
  ]
  const admin = await startAdminServer({
    listen: config.listen.admin,
    checks,
    register: metrics.register,
    maxConnections: limits.adminConnections,
    onLimit,
  })

  // Changes while running
  const reload = async (): Promise<void> => {
    settings.reload()
    for (const listener of listeners) listener.setClientMs(timeouts().clientMs)
    await reloadCertificates(certificates, config, { log, now, tunnels, https })
  }
  const files = watchFiles({ files: [...config.files, ...certificateFiles(config)], onChange: reload })

  return {
    ports: { http: http.port, https: https?.port, frp: tunnels.address.port, admin: admin.port },
    reload,
    close: async () => {
      stopping = true
      files.close()
      await finishRequests(listeners, timeouts().stopMs)
      unread.close()
      await tunnels.close(0)
      await Promise.all([controlApi.close(), pools.destroy(), nextcloud.close()])
      await admin.close()
    },
  }
}

/** Lets requests that run come to their end, for so long; upgraded connections have none and are cut. */
async function finishRequests(listeners: readonly HttpListener[], graceMs: number): Promise<void> {
  const grace = new AbortController()
  const drained = Promise.all(listeners.map((listener) => listener.drain()))
  await Promise.race([drained, delay(graceMs, undefined, { signal: grace.signal }).catch(() => {})]) // aborted: all were done before
  grace.abort()
  for (const listener of listeners) listener.destroy()
  await drained
}
