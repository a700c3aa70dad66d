import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Environment } from '../../proxy/config.ts'
import { sharedKey as usualKey, startTestDataPlane, type TestDataPlane } from '../support/data-plane.ts'
import { startFrpc } from '../support/frpc.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import type { FrpVersion } from '../support/peers/frp.ts'
import { callEngine, type EngineAnswer, type EngineCall, openCall } from './engine-call.ts'

export interface TunnelOptions {
  readonly version: FrpVersion
  readonly remotePort: number
  readonly socketPath: string
  /** The shared key unless given. */
  readonly token?: string
}

interface Parts {
  readonly plane: TestDataPlane
  readonly nextcloud: NextcloudStandIn
  readonly folder: string
  readonly tls: boolean
  readonly sharedKey: string
  readonly closers: (() => Promise<unknown>)[]
}

/** A data plane whose engines are the test's. */
export class EngineStage {
  readonly plane: TestDataPlane
  readonly nextcloud: NextcloudStandIn
  /** For sockets; their names must stay short. */
  readonly folder: string
  readonly #closers: (() => Promise<unknown>)[]
  readonly #tls: boolean
  readonly #sharedKey: string

  private constructor({ plane, nextcloud, folder, tls, sharedKey, closers }: Parts) {
    this.plane = plane
    this.nextcloud = nextcloud
    this.folder = folder
    this.#tls = tls
    this.#sharedKey = sharedKey
    this.#closers = closers
  }

  /** `localSocket` is a name in the stage's folder, or an absolute path; nothing has to be there yet. */
  static async set({
    localSocket = 'none.sock',
    tls = false,
    environment = {},
    sharedKey = usualKey,
  }: {
    readonly localSocket?: string
    readonly tls?: boolean
    readonly environment?: Environment
    readonly sharedKey?: string
  } = {}): Promise<EngineStage> {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-engines-'))
    const nextcloud = await startNextcloud({ sharedKey })
    const plane = await startTestDataPlane(nextcloud.url, {
      HARPOON_DOCKER_SOCKET: path.resolve(folder, localSocket),
      HP_SHARED_KEY: sharedKey,
      HP_FRP_DISABLE_TLS: String(!tls),
      ...environment,
    })
    const closers = [() => rm(folder, { recursive: true, force: true }), () => nextcloud.close(), () => plane.close()]
    return new EngineStage({ plane, nextcloud, folder, tls, sharedKey, closers })
  }

  socket(name: string): string {
    return path.join(this.folder, name)
  }

  call(call: EngineCall): Promise<EngineAnswer> {
    return callEngine(this.plane.ports.http, call)
  }

  open(call: EngineCall): ReturnType<typeof openCall> {
    return openCall(this.plane.ports.http, call)
  }

  /** `_ping` as AppAPI asks it, and how long the answer took. */
  async ping(engine: string): Promise<EngineAnswer & { readonly ms: number }> {
    const start = performance.now()
    const answer = await this.call({ path: '/v1.44/_ping', engine })
    return { ...answer, ms: performance.now() - start }
  }

  /** Starts the frpc of an engine on another host (HaRP contract §5.4) and waits until its tunnel is there. */
  async connectEngine(options: TunnelOptions): Promise<ChildProcess> {
    const frpc = await this.startEngine(options)
    await frpc.waitForOutput(/start proxy success/)
    return frpc
  }

  /** The same without waiting. */
  async startEngine({ version, remotePort, socketPath, token = this.#sharedKey }: TunnelOptions): Promise<ChildProcess> {
    const files = path.join(this.plane.certificates, 'frp')
    const config = [
      'serverAddr = "127.0.0.1"',
      `serverPort = ${this.plane.ports.frp}`,
      'loginFailExit = false',
      `transport.tls.enable = ${this.#tls}`,
      ...(this.#tls
        ? [
            `transport.tls.certFile = "${files}/client.crt"`,
            `transport.tls.keyFile = "${files}/client.key"`,
            `transport.tls.trustedCaFile = "${files}/ca.crt"`,
            'transport.tls.serverName = "harp.nc"',
          ]
        : []),
      `metadatas.token = "${token}"`,
      '[[proxies]]',
      `name = "deploy-daemon-${remotePort}"`,
      'type = "tcp"',
      `remotePort = ${remotePort}`,
      '[proxies.plugin]',
      'type = "unix_domain_socket"',
      `unixPath = "${socketPath}"`,
    ].join('\n')
    const frpc = await startFrpc({ version, config })
    this.#closers.push(() => frpc.stop())
    return frpc
  }

  /** Closed with the stage, before the data plane. */
  alsoClose(...closers: readonly (() => Promise<unknown>)[]): void {
    this.#closers.push(...closers)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close()
  }
}
