import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import type { Socket } from 'node:net'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import pino from 'pino'
import { Registry } from 'prom-client'
import { Pool } from 'undici'
import type { buildConnector } from 'undici'
import type { FrpCertificates } from '../../proxy/certificates/frp-certificates.ts'
import { ensureFrpCertificates } from '../../proxy/certificates/frp-certificates.ts'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'
import { createLimitCounter, type LimitName } from '../../proxy/limit-reached.ts'
import { createDial } from '../../proxy/tunnel/dial.ts'
import type { Dial } from '../../proxy/tunnel/dial.ts'
import { createTunnelMetrics } from '../../proxy/tunnel/metrics.ts'
import { TunnelRegistry } from '../../proxy/tunnel/registry.ts'
import { startTunnelServer } from '../../proxy/tunnel/start.ts'
import type { TunnelServer, TunnelServerOptions } from '../../proxy/tunnel/start.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startExApp } from '../support/exapp.ts'
import { countAfterEachTest, countConnections, noneLeft, readMetrics } from '../support/leftovers.ts'
import type { ExAppStandIn } from '../support/exapp.ts'
import { startFrpc } from '../support/frpc.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import type { FrpVersion } from '../support/peers/frp.ts'
import { SHARED_KEY } from './shared-key.ts'

export { SHARED_KEY } from './shared-key.ts'

/** How long a request of a test may wait for its tunnel. */
const DIAL_TIMEOUT_MS = 10_000

/** Made once: it costs two RSA keys. */
const throwAway = makeThrowAwayCertificate(Date.now())

/** Streams that one HTTP client of the tests has at most. */
export const POOL_SIZE = 128

/** A suite per version of frpc. */
export function describeWithFrpc(title: string, body: (version: FrpVersion) => void): void {
  for (const version of frpVersions) {
    describeWithPeer(title, { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, () => body(version))
  }
}

/** What there is now of tunnels and of what waits for them. */
const now = /^harpoon_tunnel(s_connected|_sessions|_open_streams|_unauthenticated_connections|_waiting_requests|_unread_bytes)\b/

/** What one frpc is to be told. */
export interface ClientOptions {
  readonly version: FrpVersion
  readonly name?: string
  readonly remotePort?: number
  readonly token?: string
  /** Where it connects to, if not to the server itself. */
  readonly serverPort?: number
  /** Where TLS is on: with HaRP's three files (the default), without a certificate and without looking at ours, or none. */
  readonly tls?: 'certificate' | 'anonymous' | 'off'
  /** What it serves instead of the ExApp: the name of a socket in the rig's folder. */
  readonly unixSocket?: string
  /** The lines that say what it serves, where it is no unix socket. */
  readonly plugin?: string
  /** More lines: before the proxy, within the proxy, and more proxies behind it. */
  readonly settings?: string
  readonly proxySettings?: string
  readonly proxies?: string
}

/** What a test wants otherwise than a data plane has it by default. */
export interface RigOptions extends Partial<Omit<TunnelServerOptions, 'tls' | 'allowPlain' | 'registry' | 'log' | 'metrics' | 'onLimit'>> {
  readonly tls?: boolean
}

/** A tunnel server with everything around it, an ExApp on a unix socket, and frpcs that bring the two together. */
export class Rig {
  readonly folder: string
  readonly exapp: ExAppStandIn
  readonly certificates: FrpCertificates | undefined
  readonly logLines: string[] = []
  metrics = new Registry()
  registry = new TunnelRegistry()
  readonly #options: RigOptions
  readonly #noConnectionsLeft = countConnections()
  readonly #stopCounting = countAfterEachTest({ counts: () => this.#unfinished() })
  readonly #clients: ChildProcess[] = []
  readonly #pools: Pool[] = []
  #server: TunnelServer | undefined
  #port = 0

  private constructor(folder: string, exapp: ExAppStandIn, certificates: FrpCertificates | undefined, options: RigOptions) {
    this.folder = folder
    this.exapp = exapp
    this.certificates = certificates
    this.#options = options
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-tunnel-'))
    const exapp = await startExApp({ listen: { unixSocket: path.join(folder, 'exapp.sock') } })
    const certificates = options.tls === true ? await makeCertificates(path.join(folder, 'frp')) : undefined
    const rig = new Rig(folder, exapp, certificates, options)
    await rig.startServer()
    return rig
  }

  get server(): TunnelServer {
    if (!this.#server) throw new Error('the tunnel server is stopped')
    return this.#server
  }

  get port(): number {
    return this.#port
  }

  get dial(): Dial {
    return createDial({ registry: this.registry })
  }

  /** How often a limit was reached. */
  async timesReached(limit: LimitName): Promise<number> {
    const lines = (await this.metrics.metrics()).split('\n')
    return Number(lines.find((line) => line.startsWith(`harpoon_limit_reached_total{limit="${limit}"}`))?.split(' ')[1])
  }

  /** Starts the server, also again: on the port that it had. */
  async startServer(): Promise<void> {
    const { tls: _tls, ...overrides } = this.#options
    const { ca, serverCert: cert, serverKey: key } = this.certificates ?? {}
    this.metrics = new Registry()
    this.registry = new TunnelRegistry()
    this.#server = await startTunnelServer({
      host: '127.0.0.1',
      port: this.#port,
      sharedKeys: () => [SHARED_KEY],
      allowSharedKey: true,
      websocketPolicy: 'mtls',
      proxies: { isTrusted: () => false, clientBehind: (peer) => peer },
      assignedPort: async () => undefined,
      failures: { isBanned: () => false, record: () => {} },
      memoryBytes: () => 256 * 1024 ** 2,
      ...overrides,
      tls: ca && cert && key ? { ca, cert, key } : await throwAway,
      allowPlain: !this.certificates,
      registry: this.registry,
      log: pino({ level: 'debug' }, { write: (line: string) => void this.logLines.push(line) }),
      metrics: createTunnelMetrics(this.metrics, this.registry),
      onLimit: createLimitCounter(this.metrics),
    })
    this.#port = this.#server.address.port
  }

  async stopServer(graceMs = 0): Promise<void> {
    await this.#server?.close(graceMs)
    this.#server = undefined
  }

  /** Starts an frpc that serves the ExApp as HaRP's clients do, and does not wait for it. */
  async startClient(options: ClientOptions): Promise<ChildProcess> {
    const client = await startFrpc({ version: options.version, config: this.configFor(options) })
    this.#clients.push(client)
    return client
  }

  /** The same, once the tunnel is there. */
  async connect(options: ClientOptions): Promise<ChildProcess> {
    const client = await this.startClient(options)
    await this.registry.awaitTunnel(options.remotePort ?? 23_000, { timeoutMs: DIAL_TIMEOUT_MS })
    return client
  }

  /** HaRP's client configuration (HaRP contract §5.4). */
  configFor(options: ClientOptions): string {
    const { name = 'test_app', remotePort = 23_000, token = SHARED_KEY, tls = this.certificates ? 'certificate' : 'off' } = options
    const own = path.join(this.folder, 'frp')
    const files = [
      `transport.tls.certFile = "${own}/client.crt"`,
      `transport.tls.keyFile = "${own}/client.key"`,
      `transport.tls.trustedCaFile = "${own}/ca.crt"`,
      'transport.tls.serverName = "harp.nc"',
    ]
    return [
      'serverAddr = "127.0.0.1"',
      `serverPort = ${options.serverPort ?? this.#port}`,
      'loginFailExit = false',
      `transport.tls.enable = ${tls !== 'off'}`,
      ...(tls === 'certificate' ? files : []),
      `metadatas.token = "${token}"`,
      options.settings ?? '',
      '[[proxies]]',
      `name = "${name}"`,
      'type = "tcp"',
      `remotePort = ${remotePort}`,
      options.proxySettings ?? '',
      options.plugin ?? unixSocketPlugin(path.join(this.folder, options.unixSocket ?? 'exapp.sock')),
      options.proxies ?? '',
    ].join('\n')
  }

  /** An HTTP client whose connections are tunnel streams, as the request path has it. */
  pool(remotePort = 23_000): Pool {
    const pool = new Pool('http://exapp', {
      connections: POOL_SIZE,
      connect: (_options, callback) => void this.#dialFor(remotePort, callback),
    })
    this.#pools.push(pool)
    return pool
  }

  async #dialFor(remotePort: number, callback: buildConnector.Callback): Promise<void> {
    let stream: Duplex
    try {
      stream = await this.dial(remotePort, { timeoutMs: DIAL_TIMEOUT_MS })
    } catch (error) {
      callback(error as Error, null)
      return
    }
    callback(null, stream as Socket) // undici's type says Socket; it uses what every Duplex has
  }

  /** Logins that hang, and requests that still wait for a tunnel. */
  async #unfinished(): Promise<Record<string, number>> {
    const metrics = readMetrics(await this.metrics.metrics())
    return {
      'connections without login': metrics.get('harpoon_tunnel_unauthenticated_connections') ?? Number.NaN,
      'waiting requests': metrics.get('harpoon_tunnel_waiting_requests') ?? Number.NaN,
    }
  }

  /** Nobody is left, nor anything of theirs. */
  async #expectNobody(): Promise<void> {
    await noneLeft(async () => {
      const metrics = readMetrics(await this.metrics.metrics())
      return Object.fromEntries([...metrics].filter(([name]) => now.test(name)))
    })
    this.#stopCounting()
    await this.#noConnectionsLeft()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.destroy()))
    await Promise.all(this.#clients.map((client) => client.stop()))
    await this.stopServer()
    await this.#expectNobody()
    await this.exapp.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

const unixSocketPlugin = (socket: string): string => `[proxies.plugin]\ntype = "unix_domain_socket"\nunixPath = "${socket}"`

/** Certificates under HaRP's names in this folder. */
export function makeCertificates(directory: string): Promise<FrpCertificates> {
  return ensureFrpCertificates({ directory, validityDays: 2, now: Date.now, log: pino({ enabled: false }) })
}
