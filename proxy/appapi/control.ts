import { MalformedRequestError } from '../request/errors.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Forward } from '../request/forward.ts'
import { headersForEngine } from '../request/headers.ts'
import type { ControlTarget } from '../request/pipeline.ts'
import { unlessGone } from '../request/unless-gone.ts'
import { type ApiVersions, boundApiVersion } from './api-version.ts'
import { allowDockerCall, type DockerCall } from './docker-allowlist.ts'
import { type Engines, localEnginePort } from './engines.ts'

export interface ControlDeps {
  readonly engines: Engines
  readonly forward: Forward
  /** The control API itself, for the path after `/exapps/app_api`. */
  readonly api: (exchange: Exchange, url: string) => Promise<void>
}

/**
 * AppAPI's calls to its deploy daemon, key already checked: raw Docker calls go to an engine, the rest to the control API
 * (HaRP contract §3.7).
 */
export function createControl({
  engines,
  forward,
  api,
}: ControlDeps): (exchange: Exchange, target: ControlTarget) => Promise<void> {
  return async (exchange, target) => {
    // AppAPI never asks for one, and an upgraded connection to an engine would be beyond the allow-list.
    if (exchange.upgrade) throw new MalformedRequestError('the control API upgrades no connection')
    const port = exchange.head.last.get('docker-engine-port')
    if (!isDockerCall(port, target.path)) return api(exchange, (target.path === '' ? '/' : target.path) + target.query)
    const call = allowDockerCall(exchange.carrier.method, target.path)
    const engine = await unlessGone(exchange, engines.find(port === undefined || port === '' ? String(localEnginePort) : port))
    await forward(
      {
        upstream: engine.upstream,
        path: enginePath(call, target.path, engine.versions) + target.query,
        headers: headersForEngine(exchange.carrier.rawHeaders),
        signed: true,
        onStatus: () => {},
        ...(call.isPing ? { responseTimeoutMs: engine.leftMs } : {}),
      },
      exchange,
    )
  }
}

/** Some daemon records lack the port; AppAPI then sends the header empty (its contract §2.1), and the path tells. */
function isDockerCall(port: string | undefined, path: string): boolean {
  if (path.startsWith('/docker/')) return false
  return port === undefined || port === '' ? /^\/(?:v[0-9.]+\/)?(?:_ping$|images\/|containers\/)/i.test(path) : true
}

/** The path as it came where the engine speaks that version. */
function enginePath(call: DockerCall, written: string, versions: ApiVersions): string {
  const version = boundApiVersion(call.version, versions)
  return call.version === '' || call.version === version ? written : `/v${version}${call.path}`
}
