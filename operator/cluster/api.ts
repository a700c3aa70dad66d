import { HttpMethod, type KubeConfig, RequestContext } from '@kubernetes/client-node'
import { type Dispatcher, fetch, type Response } from 'undici'
import { z } from 'zod'
import { ApiGarbage, ApiRefusal, ApiUnreachable } from './errors.ts'

/** Every call but a watch ends within this time; the API server itself gives up after 60 s. */
const CALL_TIMEOUT_MS = 30_000

/** An error's text is for logs and conditions. */
const MAX_MESSAGE_LENGTH = 1000

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** How each call ended, for metrics; status 0 is no answer. */
export type ObserveCall = (call: { readonly method: string; readonly status: number }) => void

const statusSchema = z.object({ message: z.string().default(''), reason: z.string().default('Unknown') })

/**
 * Calls the API server. The library's part is the configuration: files, clusters, and credentials that are read again
 * before they expire. Its watch is not used: it skips lines that it cannot read and does not say when it has ended.
 */
export class Api {
  readonly #config: KubeConfig
  readonly #observe: ObserveCall

  constructor(config: KubeConfig, observe: ObserveCall = () => {}) {
    this.#config = config
    this.#observe = observe
  }

  /** The answer's JSON. @throws ApiRefusal, ApiUnreachable, ApiGarbage */
  async call(call: ApiCall): Promise<unknown> {
    const limit = AbortSignal.timeout(CALL_TIMEOUT_MS)
    const response = await this.#send({ ...call, signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit })
    try {
      return await response.json()
    } catch (error) {
      throw new ApiGarbage(`${call.method} ${call.path}: the answer is no JSON`, { cause: error })
    }
  }

  /** The answer as a stream of bytes, for watches; `signal` ends it. @throws ApiRefusal, ApiUnreachable */
  async stream(call: ApiCall & { readonly signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#send(call)
    if (!body) throw new ApiGarbage(`${call.method} ${call.path}: the answer is empty`)
    return body
  }

  async #send(call: ApiCall): Promise<Response> {
    const { method, path, query = {}, body, contentType = 'application/json', signal } = call
    const cluster = this.#config.getCurrentCluster()
    if (!cluster) throw new ApiUnreachable('no cluster is configured')
    const url = new URL(cluster.server.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
    const response = await this.#fetch(url, { method, contentType, ...(body !== undefined && { body: JSON.stringify(body) }), ...(signal && { signal }) })
    this.#observe({ method, status: response.status })
    if (response.ok) return response
    throw await refusal(response, `${method} ${path}`)
  }

  async #fetch(url: URL, { method, contentType, body, signal }: { method: string; contentType: string; body?: string; signal?: AbortSignal }): Promise<Response> {
    try {
      const context = new RequestContext(url.toString(), HttpMethod.GET)
      await this.#config.applySecurityAuthentication(context)
      const dispatcher: Dispatcher | undefined = context.getDispatcher()
      return await fetch(url, {
        method,
        headers: { ...context.getHeaders(), accept: 'application/json', ...(body !== undefined && { 'content-type': contentType }) },
        ...(body !== undefined && { body }),
        ...(dispatcher && { dispatcher }),
        ...(signal && { signal }),
      })
    } catch (error) {
      this.#observe({ method, status: 0 })
      throw new ApiUnreachable(`the API server does not answer: ${reasonOf(error)}`, { cause: error })
    }
  }
}

/** The reason in its own words: fetch wraps what the socket said. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.cause instanceof Error ? error.cause.message : error.message
}

async function refusal(response: Response, what: string): Promise<ApiRefusal> {
  const status = statusSchema.safeParse(await response.json().catch(() => ({})))
  const { message, reason } = status.success ? status.data : { message: '', reason: 'Unknown' }
  return new ApiRefusal({ status: response.status, reason, message: (message || `${what}: status ${response.status}`).slice(0, MAX_MESSAGE_LENGTH) })
}
