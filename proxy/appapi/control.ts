import type { Exchange } from '../request/exchange.ts'
import type { Forward } from '../request/forward.ts'
import { headersForEngine } from '../request/headers.ts'
import type { ControlTarget } from '../request/pipeline.ts'
import { boundApiVersion } from './api-version.ts'
import { allowDockerCall } from './docker-allowlist.ts'
import { type Engines, localEnginePort } from './engines.ts'

export interface ControlDeps {
  readonly engines: Engines
  readonly forward: Forward
  /** The control API itself, for the path after `/exapps/app_api`. */
  readonly api: (exchange: Exchange, url: string) => Promise<void>
}

/** AppAPI's calls to its deploy daemon, key already checked: raw Docker calls go to an engine, the rest to the control API (HaRP contract §3.7). */
export function createControl({ engines, forward, api }: ControlDeps): (exchange: Exchange, target: ControlTarget) => Promise<void> {
  return async (exchange, target) => {
    const port = exchange.head.last.get('docker-engine-port')
    if (!isDockerCall(port, target.path)) return api(exchange, (target.path === '' ? '/' : target.path) + target.query)
    const call = allowDockerCall(exchange.incoming.method ?? '', target.path)
    const { upstream, versions } = await engines.find(port === undefined || port === '' ? String(localEnginePort) : port)
    const prefix = call.version === '' ? '' : `/v${boundApiVersion(call.version, versions)}`
    await forward({
      upstream,
      path: prefix + call.path + target.query,
      headers: headersForEngine(exchange.incoming.rawHeaders),
      signed: true,
      onStatus: () => {},
    }, exchange)
  }
}

/** Some daemon records lack the port, and AppAPI then sends the header empty (AppAPI contract §2.1): the path tells all the same. */
function isDockerCall(port: string | undefined, path: string): boolean {
  if (path.startsWith('/docker/')) return false
  return port === undefined || port === '' ? /^\/(?:v[0-9.]+\/)?(?:_ping$|images\/|containers\/)/i.test(path) : true
}
