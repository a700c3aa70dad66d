import path from 'node:path'
import type { Environment } from '../../proxy/config.ts'
import { AppApi, type AppApiOptions } from '../support/appapi-client/appapi.ts'
import type { Daemon } from '../support/appapi-client/daemon.ts'
import type { Manifest } from '../support/appapi-client/exapp-row.ts'
import { sharedKey as usualKey } from '../support/data-plane.ts'
import { type DockerEngine, ensureDocker } from '../support/dockerd.ts'
import { type EngineProxy, startEngineProxy } from '../support/engine-proxy.ts'
import { beginEngineRun, type EngineRun } from '../support/engine-run.ts'
import type { KindName } from '../support/exapp-image/kinds.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import type { FrpVersion } from '../support/peers/frp.ts'
import { EngineStage } from './engine-stage.ts'

/** An engine with what this test run makes on it. */
export interface EngineForLife {
  readonly engine: DockerEngine
  readonly run: EngineRun
}

/** For `describeWithPeer`: an engine on which ExApps can be installed. */
export const engineForLife = {
  name: 'a Docker Engine, and Go for frpc',
  ensure: async (): Promise<EngineForLife> => {
    await ensureFrp('0.61.1')
    const engine = await ensureDocker()
    return { engine, run: await beginEngineRun(engine) }
  },
  stop: async ({ engine, run }: EngineForLife): Promise<void> => {
    await run.close()
    await engine.stop()
  },
}

/** How the data plane reaches the engine. */
export const ways = ['the local socket', 'a tunnel'] as const

export interface LifeOptions extends Partial<Pick<AppApiOptions, 'version' | 'certificates' | 'restartPolicy'>> {
  readonly way?: (typeof ways)[number]
  readonly tls?: boolean
  readonly sharedKey?: string
  readonly environment?: Environment
  /** Changes of the daemon's record. */
  readonly daemon?: Partial<Daemon>
}

/** Nextcloud with AppAPI, a data plane before it, and an engine, its proxy in between: where ExApps live. */
export interface LifeStage extends EngineForLife, AsyncDisposable {
  readonly stage: EngineStage
  readonly appApi: AppApi
  readonly proxy: EngineProxy
  /** Value of `docker-engine-port`. */
  readonly enginePort: '24000' | '24001'
  /** The record with which `appApi` was made. */
  readonly daemon: Daemon
  /** An ExApp of this stage whose image is on the engine already. */
  manifest(kind: KindName, name: string, change?: Partial<Manifest> & { readonly frpVersion?: FrpVersion }): Promise<Manifest>
  /** One field of a container, in the notation of `docker inspect`. */
  inspect(appId: string, format: string): Promise<string>
}

export async function setLifeStage({ engine, run }: EngineForLife, options: LifeOptions = {}): Promise<LifeStage> {
  const { way = 'the local socket', tls = true, sharedKey = usualKey, version = '35.0.0', certificates = null, restartPolicy = 'unless-stopped' } = options
  const isLocal = way === 'the local socket'
  const stage = await EngineStage.set({
    localSocket: isLocal ? 'docker.sock' : 'none.sock',
    tls,
    sharedKey,
    environment: { HARPOON_FRONT: 'true', ...options.environment },
  })
  const proxy = await startEngineProxy(stage.socket('docker.sock'), engine.socketPath)
  stage.alsoClose(() => proxy.close())
  if (!isLocal) await stage.connectEngine({ version: '0.61.1', remotePort: 24_001, socketPath: proxy.socketPath })
  const enginePort = isLocal ? '24000' : '24001'
  const { ports, url } = stage.plane
  const daemon: Daemon = {
    host: `127.0.0.1:${ports.http}`,
    net: 'host', // the engine of the tests has no other network by itself
    nextcloudUrl: url, // the front
    sharedKey,
    computeDevice: 'cpu',
    harp: { frpAddress: `127.0.0.1:${ports.frp}`, dockerSocketPort: enginePort, exAppDirect: false },
    registries: [{ from: 'docker.io', to: 'local' }],
    ...options.daemon,
  }
  const appApi = new AppApi({ version, nextcloud: stage.nextcloud, daemon, certificates, restartPolicy })
  stage.alsoClose(async () => appApi.close())
  return {
    engine,
    run,
    stage,
    appApi,
    proxy,
    enginePort,
    daemon,
    manifest: async (kind, name, { frpVersion, ...change } = {}) => {
      const appId = run.appId(name)
      const image = await run.images.make(kind, { frpVersion, ...(kind === 'non-root' ? { appId } : {}) })
      const [repository = '', tag = ''] = image.split(':')
      return {
        appId,
        version: '1.0.0',
        image: { name: repository, tag },
        routes: [{ url: '^/public$', access_level: 0 }],
        environment: { INIT_STEP: '' },
        ...change,
      }
    },
    inspect: async (appId, format) => (await engine.docker(['inspect', '--format', format, `nc_app_${appId}`])).trim(),
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  }
}

/** The certificates that the data plane gives to frpc clients. */
export function clientCertificates(stage: EngineStage): string {
  return path.join(stage.plane.certificates, 'frp')
}
