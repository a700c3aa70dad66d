import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startAdminServer } from './admin.ts'
import { createControl } from './appapi/control.ts'
import { Engines } from './appapi/engines.ts'
import { createControlApi } from './appapi/plugin.ts'
import { ensureFrpCertificates } from './certificates/frp-certificates.ts'
import { makeThrowAwayCertificate } from './certificates/throw-away.ts'
import { readHttpsCertificate } from './certificates/https.ts'
import type { ProxyConfig } from './config.ts'
import { type Check, expiryCheck } from './health.ts'
import { type HttpListener, startHttpListener } from './http-listener.ts'
import type { Logger } from './log.ts'
import { createMetrics } from './metrics.ts'
import { createNextcloudClient } from './nextcloud/client.ts'
import { ExAppCache } from './nextcloud/exapp-cache.ts'
import { NextcloudWatch } from './nextcloud/watch.ts'
import { SessionCache } from './nextcloud/session-cache.ts'
import { BanList } from './request/ban-list.ts'
import { createConnect } from './request/connect.ts'
import { ConnectionPools } from './request/connection-pools.ts'
import { createForward } from './request/forward.ts'
import { createFront } from './request/front.ts'
import { createPipeline } from './request/pipeline.ts'
import { createResponder } from './request/respond.ts'
import { createKeyCheck } from './request/shared-key.ts'
import { createDial } from './tunnel/dial.ts'
import { createTunnelMetrics } from './tunnel/metrics.ts'
import { TunnelRegistry } from './tunnel/registry.ts'
import { startTunnelServer } from './tunnel/start.ts'

/** The running data plane. Ports are the real ones, also where the settings asked for any. */
export interface DataPlane {
  readonly ports: { readonly http: number; readonly https: number | undefined; readonly frp: number; readonly admin: number }
  /** Stops accepting, finishes what runs within `HARPOON_STOP_TIMEOUT`, then ends the rest. */
  close(): Promise<void>
}

export interface DataPlaneDeps {
  readonly log: Logger
  /** Wall clock in milliseconds; bans and caches follow it. */
  readonly now: () => number
}

/** All wiring: which part gets what, and which listener mounts what. Throws when a certificate or a port cannot be used. */
export async function startDataPlane(config: ProxyConfig, { log, now }: DataPlaneDeps): Promise<DataPlane> {
  const metrics = createMetrics()
  const isSharedKey = createKeyCheck(config.sharedKey)

  // What Nextcloud says
  const watch = new NextcloudWatch({ log, count: (call, outcome, seconds) => metrics.nextcloudCall(call, outcome, seconds) })
  const nextcloud = createNextcloudClient({ url: config.nextcloudUrl, sharedKey: config.sharedKey, observe: watch.observe })
  const exApps = new ExAppCache({ fetch: (appId) => nextcloud.exApp(appId), now, onRecord: watch.onRecord, onRefreshError: watch.onRefreshError })
  const sessions = new SessionCache({ fetch: (appId, visitor) => nextcloud.user(appId, visitor), lifetimeMs: config.sessionLifetimeMs, now })

  // Tunnels
  const registry = new TunnelRegistry()
  const hasLocalSocket = (): boolean => existsSync(config.dockerSocket)
  const tunnelFailures = new BanList({ ...config.bans, now })
  const frpCertificates = config.frpTls ? await ensureFrpCertificates({ directory: join(config.certificates.directory, 'frp'), validityDays: config.certificates.validityDays, now, log }) : undefined
  const tunnels = await startTunnelServer({
    ...config.listen.frp,
    tls: frpCertificates ? { ca: frpCertificates.ca, cert: frpCertificates.serverCert, key: frpCertificates.serverKey } : await makeThrowAwayCertificate(now()),
    allowPlain: !config.frpTls,
    websocketPolicy: config.frpWebsocket,
    sharedKeys: () => [config.sharedKey],
    allowSharedKey: config.tunnelSharedKey,
    assignedPort: async (appId) => (await exApps.find(appId))?.port,
    isPortReserved: (port) => port === 24_000 && hasLocalSocket(),
    failures: tunnelFailures,
    registry,
    log,
    metrics: createTunnelMetrics(metrics.register, registry),
  })

  // Requests
  const bans = new BanList({ ...config.bans, now })
  const connect = createConnect({ dial: createDial({ registry }), timeoutMs: config.timeouts.connectMs })
  const pools = new ConnectionPools(connect)
  const responder = createResponder({
    bans,
    log,
    observe: (exchange, outcome, status) => metrics.request(exchange.app, outcome, status, (performance.now() - exchange.startedAt) / 1000),
  })
  const forward = createForward({ connect, pools, timeouts: config.timeouts, webSockets: metrics.webSockets })
  const controlApi = await createControlApi({ storage: exApps })
  const engines = new Engines({ pools, socketPath: config.dockerSocket, hasLocalSocket, timeoutMs: config.timeouts.connectMs, now })
  const pipeline = createPipeline({
    bans,
    findExApp: (appId) => exApps.find(appId),
    findUser: (appId, visitor, hasSession) => sessions.find(appId, visitor, hasSession),
    expectsTunnel: (port) => registry.isExpected(port),
    forward,
    control: createControl({ engines, forward, api: (exchange, url) => controlApi.serve(exchange, url) }),
    front: config.front ? createFront({ nextcloudUrl: config.nextcloudUrl, trustedProxies: config.trustedProxies.networks, forward }) : undefined,
    responder,
  })

  // Listeners
  const common = { pipeline, isSharedKey, trustedProxies: config.trustedProxies.networks, clientMs: config.timeouts.clientMs }
  const httpsCertificate = await readHttpsCertificate(join(config.certificates.directory, 'cert.pem'))
  const listeners: HttpListener[] = [await startHttpListener({ ...common, listen: config.listen.http })]
  if (httpsCertificate) listeners.push(await startHttpListener({ ...common, listen: config.listen.https, tls: httpsCertificate }))

  metrics.watch({
    sessions: () => sessions.size,
    exApps: () => exApps.size,
    failingClients: () => bans.size,
    bannedClients: () => bans.bannedCount,
    failingTunnelClients: () => tunnelFailures.size,
    bannedTunnelClients: () => tunnelFailures.bannedCount,
  })
  let stopping = false
  const checks: readonly Check[] = [
    { name: 'running', gating: true, problem: () => (stopping ? 'stopping' : undefined) },
    ...Object.entries(frpCertificates?.notAfter ?? {}).map(([name, notAfter]) => expiryCheck(`frp certificate ${name}`, notAfter, now)),
    ...(httpsCertificate ? [expiryCheck('https certificate', httpsCertificate.notAfter, now)] : []),
    { name: 'nextcloud', gating: false, problem: () => watch.problem },
  ]
  const admin = await startAdminServer(config.listen.admin, checks, metrics.register)
  return {
    ports: { http: listeners[0]?.port ?? 0, https: listeners[1]?.port, frp: tunnels.address.port, admin: admin.port },
    close: async () => {
      stopping = true
      await finishRequests(listeners, config.timeouts.stopMs)
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
