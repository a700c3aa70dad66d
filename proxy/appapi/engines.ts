import type { ConnectionPools } from '../request/connection-pools.ts'
import { BadControlHeaderError, UpstreamUnreachableError } from '../request/errors.ts'
import { type Upstream, upstreamName } from '../request/upstream.ts'
import type { EngineList } from '../tunnel/engine-list.ts'
import type { ApiVersions } from './api-version.ts'
import { askVersion } from './engine-version.ts'

/** The engine next to the data plane, behind its local socket (HaRP contract §2.1). */
export const localEnginePort = 24_000

/** Engines that dial in come after it, up to this one. */
const lastEnginePort = 24_099

/** Whether a tunnel with this number is an engine's. */
export const isEnginePort = (port: number): boolean => port >= localEnginePort && port <= lastEnginePort

export interface EnginesDeps {
  readonly pools: ConnectionPools
  readonly socketPath: string
  /** Whether the local socket exists: without it, 24000 may be a tunnel as with HaRP. */
  readonly hasLocalSocket: () => boolean
  /** Limit for connecting and the engine's first answer: AppAPI sets none and would wait for ever (its contract §13). */
  readonly timeoutMs: number
  /** The engines that may dial in. */
  readonly list: () => EngineList
}

export interface Engine {
  readonly upstream: Upstream
  readonly versions: ApiVersions
  /** What is left of the time limit, in milliseconds, at least 1. */
  readonly leftMs: number
}

/** The Docker Engines by the number that AppAPI gives them. */
export class Engines {
  readonly #deps: EnginesDeps
  readonly #asking = new Map<string, Promise<ApiVersions>>()

  constructor(deps: EnginesDeps) {
    this.#deps = deps
  }

  /**
   * The engine that the header `docker-engine-port` names. It has just answered: an earlier answer would not show that it
   * hangs now behind a living frpc. `limitMs` may make its time shorter. Throws a `RequestError` that says which hop fails.
   */
  async find(port: string, limitMs = Number.POSITIVE_INFINITY): Promise<Engine> {
    const deadline = performance.now() + Math.min(this.#deps.timeoutMs, limitMs)
    const upstream = this.#upstreamOf(port)
    const versions = await this.#ask(upstream, deadline)
    return { upstream, versions, leftMs: Math.max(1, deadline - performance.now()) }
  }

  #upstreamOf(text: string): Upstream {
    if (!/^\d{1,5}$/.test(text)) {
      throw new BadControlHeaderError(
        'docker-engine-port is no port number; accepted: 24000 for the engine next to the data plane, 24001 to 24099 for those that dial in',
      )
    }
    const port = Number(text)
    // Other tunnels are ExApps', and no engine's (Q39): they answer like an engine that is not there.
    if (!isEnginePort(port))
      throw new UpstreamUnreachableError(`no Docker Engine has port ${port}; engines are 24000 to 24099`)
    const isLocal = port === localEnginePort && this.#deps.hasLocalSocket()
    if (isLocal) return { kind: 'unix', path: this.#deps.socketPath }
    this.#requireListed(port)
    return { kind: 'tunnel', remotePort: port }
  }

  /** Nobody may connect there, so nobody is waited for. */
  #requireListed(port: number): void {
    const list = this.#deps.list()
    if (list === undefined || list.some((engine) => engine.port === port)) return
    const listed = list.length === 0 ? 'it is empty' : `it has ${list.map((engine) => engine.port).toSorted((one, other) => one - other).join(', ')}`
    throw new UpstreamUnreachableError(`no Docker Engine on ${port} is in the list of engines (HARPOON_ENGINES): ${listed}`)
  }

  /** Concurrent calls share one question, and its time limit. */
  #ask(upstream: Upstream, deadline: number): Promise<ApiVersions> {
    const name = upstreamName(upstream)
    const running = this.#asking.get(name)
    if (running) return running
    const answer = askVersion({ upstream, pool: this.#deps.pools.poolFor(upstream), deadline }).finally(() =>
      this.#asking.delete(name),
    )
    this.#asking.set(name, answer)
    return answer
  }
}
