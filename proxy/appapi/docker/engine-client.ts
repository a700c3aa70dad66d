import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { ConnectionPools } from '../../request/connection-pools.ts'
import { RequestError, UpstreamTimeoutError } from '../../request/errors.ts'
import { upstreamError } from '../../request/upstream-error.ts'
import { type Upstream, upstreamName } from '../../request/upstream.ts'
import { boundApiVersion } from '../api-version.ts'
import type { Engines } from '../engines.ts'
import type { EngineAnswer } from './engine-answer.ts'
import { EngineRefusalError, EngineTimeoutError, EngineUnreachableError } from './errors.ts'

/** What these calls are written for: AppAPI's own version (its contract §2.2), the oldest that Docker 29 takes. Older engines know all of them too. */
const wantedVersion = '1.44'

/** An ExApp's whole inspect takes tens of kilobytes; an image's history some hundreds. */
const maxAnswerBytes = 4 * 1024 * 1024

export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Path below the version, with every name in it percent-encoded or of letters that need none. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** An object is sent as JSON, bytes as a tar archive. */
  readonly body?: object | Buffer
  /** For the whole answer, in milliseconds. */
  readonly limitMs: number
  readonly signal?: AbortSignal | undefined
}

/** Calls to one Docker Engine. All of them throw `EngineUnreachableError` or `EngineTimeoutError`; any status is an answer. */
export class EngineClient {
  /** The number that AppAPI knows the engine by. */
  readonly port: number
  readonly #upstream: Upstream
  readonly #pool: Dispatcher
  readonly #prefix: string

  constructor({ port, upstream, pool, version }: { port: number; upstream: Upstream; pool: Dispatcher; version: string }) {
    this.port = port
    this.#upstream = upstream
    this.#pool = pool
    this.#prefix = `/v${version}`
  }

  /** Names this engine in keys: 24000 may be the local socket or a tunnel. */
  get name(): string {
    return upstreamName(this.#upstream)
  }

  /** One call and its whole answer. */
  async call(request: EngineRequest): Promise<EngineAnswer> {
    const limit = AbortSignal.timeout(request.limitMs)
    return this.#guard(request, async () => {
      const { statusCode: status, headers, body } = await this.#request(request, limit)
      return { status, headers, body: await readBounded(body) }
    })
  }

  /** A call whose answer goes on: the limit is for its head. The caller destroys the stream. */
  async open(request: EngineRequest): Promise<{ readonly status: number; readonly body: Readable }> {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(late()), request.limitMs)
    try {
      const { statusCode: status, body } = await this.#guard(request, () => this.#request(request, limit.signal))
      body.on('error', () => {}) // told to whoever reads it; nobody has to
      return { status, body }
    } finally {
      clearTimeout(timer)
    }
  }

  #request({ method, path, query, body, signal }: EngineRequest, limit: AbortSignal): Promise<Dispatcher.ResponseData> {
    const isArchive = body instanceof Uint8Array
    return this.#pool.request({
      method,
      path: `${this.#prefix}${path}${query ? `?${new URLSearchParams(query).toString()}` : ''}`,
      ...(body ? { headers: { 'content-type': isArchive ? 'application/x-tar' : 'application/json' } } : {}),
      body: body ? (isArchive ? body : JSON.stringify(body)) : null,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  async #guard<T>({ signal }: EngineRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): RequestError {
    if (error instanceof EngineRefusalError) return error
    if (error instanceof Error && error.name === 'TimeoutError') return engineTimeout(this.port, error)
    return engineFailure(this.port, upstreamError(error, { upstream: this.#upstream, signed: true }))
  }
}

const late = (): Error => new DOMException('no answer in time', 'TimeoutError')

async function readBounded(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxAnswerBytes) throw new EngineRefusalError(`The Docker Engine's answer is longer than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

/** The engine that AppAPI knows by this number, which has just answered, within that time. Throws `EngineUnreachableError` or `EngineTimeoutError`. */
export type OpenEngine = (port: number, limitMs: number) => Promise<EngineClient>

export function createOpenEngine({ engines, pools }: { readonly engines: Engines; readonly pools: ConnectionPools }): OpenEngine {
  return async (port, limitMs) => {
    try {
      const { upstream, versions } = await engines.find(String(port), limitMs)
      return new EngineClient({ port, upstream, pool: pools.poolFor(upstream), version: boundApiVersion(wantedVersion, versions) })
    } catch (error) {
      throw error instanceof RequestError ? engineFailure(port, error) : error
    }
  }
}

/** The contract's texts (HaRP contract §6.4), with the reason behind them. */
function engineFailure(port: number, error: RequestError): RequestError {
  if (error instanceof UpstreamTimeoutError) return engineTimeout(port, error)
  return new EngineUnreachableError(`Could not connect to Docker Engine on port ${port}: ${error.message}`, { cause: error })
}

function engineTimeout(port: number, cause: Error): EngineTimeoutError {
  const reason = cause instanceof UpstreamTimeoutError ? `: ${cause.message}` : ''
  return new EngineTimeoutError(`Timeout communicating with Docker Engine on port ${port}${reason}`, { cause })
}
