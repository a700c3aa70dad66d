import { z } from 'zod'
import type { ConnectionPools } from '../request/connection-pools.ts'
import { BadControlHeaderError, UpstreamClosedError, UpstreamTimeoutError, UpstreamUnreachableError } from '../request/errors.ts'
import { upstreamError } from '../request/upstream-error.ts'
import { type Upstream, upstreamName } from '../request/upstream.ts'
import type { ApiVersions } from './api-version.ts'

/** The engine next to the data plane, behind its local socket (HaRP contract §2.1). */
export const localEnginePort = 24_000

/** Engines that dial in. */
const lastEnginePort = 24_099

/** An engine that answered this recently is not asked again before each call. */
const aliveMs = 5_000

/** `/version` takes about a kilobyte. */
const maxVersionBytes = 64 * 1024

export interface EnginesDeps {
  readonly pools: ConnectionPools
  readonly socketPath: string
  /** Whether the local socket exists: without it, 24000 may be a tunnel as with HaRP. */
  readonly hasLocalSocket: () => boolean
  /** Limit for an answer to `/version`: a dead engine behind a living frpc would otherwise never answer (AppAPI contract §13). */
  readonly timeoutMs: number
  readonly now: () => number
}

export interface Engine {
  readonly upstream: Upstream
  readonly versions: ApiVersions
}

const versionSchema = z.object({ ApiVersion: z.string(), MinAPIVersion: z.string().default('1.12') })

/** The Docker Engines by the number that AppAPI gives them. */
export class Engines {
  readonly #deps: EnginesDeps
  readonly #probes = new Map<string, { readonly answer: Promise<ApiVersions>; readonly at: number }>()

  constructor(deps: EnginesDeps) {
    this.#deps = deps
  }

  /** The engine that the header `docker-engine-port` names, known to be alive. Throws a `RequestError` that says which hop fails. */
  async find(port: string): Promise<Engine> {
    const upstream = this.#upstreamOf(port)
    return { upstream, versions: await this.#probe(upstream) }
  }

  #upstreamOf(text: string): Upstream {
    if (!/^\d{1,5}$/.test(text.trim())) {
      throw new BadControlHeaderError('docker-engine-port is no port number; accepted: 24000 for the engine next to the data plane, 24001 to 24099 for those that dial in')
    }
    const port = Number(text)
    // Other tunnels are ExApps', and no engine's (Q39): they answer like an engine that is not there.
    if (port < localEnginePort || port > lastEnginePort) throw new UpstreamUnreachableError(`no Docker Engine has port ${port}; engines are 24000 to 24099`)
    const isLocal = port === localEnginePort && this.#deps.hasLocalSocket()
    return isLocal ? { kind: 'unix', path: this.#deps.socketPath } : { kind: 'tunnel', remotePort: port }
  }

  /** Concurrent calls share one probe; a failed one is forgotten at once. */
  async #probe(upstream: Upstream): Promise<ApiVersions> {
    const name = upstreamName(upstream)
    const known = this.#probes.get(name)
    if (known && this.#deps.now() - known.at < aliveMs) return known.answer
    const answer = this.#askVersion(upstream)
    this.#probes.set(name, { answer, at: this.#deps.now() })
    answer.catch(() => this.#probes.delete(name))
    return answer
  }

  async #askVersion(upstream: Upstream): Promise<ApiVersions> {
    const { timeoutMs, pools } = this.#deps
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const response = await pools.poolFor(upstream).request({ method: 'GET', path: '/version', headersTimeout: timeoutMs, bodyTimeout: timeoutMs, signal })
      let text = ''
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        text += chunk.toString('utf8')
        if (text.length > maxVersionBytes) throw new UpstreamClosedError('the Docker Engine sent an endless version')
      }
      const read = versionSchema.safeParse(JSON.parse(text))
      if (!read.success) throw new UpstreamClosedError('what answers there is no Docker Engine: its /version has no ApiVersion')
      return { newest: read.data.ApiVersion, oldest: read.data.MinAPIVersion }
    } catch (error) {
      if (error instanceof SyntaxError) throw new UpstreamClosedError('what answers there is no Docker Engine: its /version is no JSON', { cause: error })
      if (error instanceof Error && error.name === 'TimeoutError') {
        throw new UpstreamTimeoutError(`the Docker Engine behind ${upstreamName(upstream)} does not answer; is it running?`, { cause: error })
      }
      throw upstreamError(error, { upstream, signed: true })
    }
  }
}
