import { type Dispatcher, errors } from 'undici'
import { z } from 'zod'
import { type RequestErrorOptions, UpstreamClosedError, UpstreamTimeoutError, UpstreamUnreachableError } from '../request/errors.ts'
import { upstreamError } from '../request/upstream-error.ts'
import { type Upstream, upstreamName } from '../request/upstream.ts'
import { type ApiVersions, apiVersionPattern } from './api-version.ts'

/** `/version` takes about a kilobyte. */
export const maxVersionBytes = 64 * 1024

/** Engines from before 2017 do not say what they still understand; this is what Docker's oldest clients speak. */
const oldestVersion = '1.12'

/** The versions become part of a path; an engine that dials in could answer anything, so only a version is taken. */
const versionSchema = z.object({
  ApiVersion: z.string().regex(apiVersionPattern),
  MinAPIVersion: z.string().regex(apiVersionPattern).catch(oldestVersion),
})

/** How much later than ours the limit for connecting may strike, e.g. because its clock was started later. */
const connectGraceMs = 250

export interface AskVersion {
  readonly upstream: Upstream
  readonly pool: Dispatcher
  /** By when the engine must have answered, of `performance.now()`. */
  readonly deadline: number
}

/**
 * Asks an engine what it speaks, which also proves that it lives. A kept connection that it had closed is tried once more.
 * Throws a `RequestError`: 503 when nothing there is an engine, 504 when it does not answer.
 */
export async function askVersion(ask: AskVersion): Promise<ApiVersions> {
  try {
    return await answerOf(ask).catch((error: unknown) => (isClosed(error) ? answerOf(ask) : Promise.reject(error)))
  } catch (error) {
    const failure = upstreamError(error, { upstream: ask.upstream, signed: true })
    if (!(failure instanceof UpstreamClosedError) && !(error instanceof errors.HTTPParserError)) throw failure
    // A frpc whose engine is gone opens the connection and ends it: for AppAPI the engine is not there.
    throw new UpstreamUnreachableError(
      `${engineName(ask.upstream)} closed the connection without a usable answer; is the Docker Engine running?`,
      { cause: error },
    )
  }
}

function answerOf({ upstream, pool, deadline }: AskVersion): Promise<ApiVersions> {
  return new Promise((resolve, reject) => {
    const reply = new VersionReply({ engine: engineName(upstream), deadline, resolve, reject })
    pool.dispatch({ method: 'GET', path: '/version', headersTimeout: 0, bodyTimeout: 0 }, reply)
  })
}

interface VersionReplyOptions {
  readonly engine: string
  readonly deadline: number
  readonly resolve: (versions: ApiVersions) => void
  readonly reject: (error: unknown) => void
}

/** Reads `/version`. Connecting has a limit and reasons of its own, so until there is a connection the clock is a little slow. */
class VersionReply implements Dispatcher.DispatchHandler {
  readonly #options: VersionReplyOptions
  readonly #chunks: Buffer[] = []
  #length = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: VersionReplyOptions) {
    this.#options = options
    this.#limit(connectGraceMs, () => options.reject(this.#late()))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#limit(0, () => controller.abort(this.#late()))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status >= 200 && status !== 200) controller.abort(this.#noEngine(`/version is answered with ${status}`))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#length > maxVersionBytes) controller.abort(this.#noEngine('/version does not end', { limit: 'engine_answer_bytes' }))
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer)
    try {
      const read = versionSchema.safeParse(JSON.parse(Buffer.concat(this.#chunks).toString('utf8')))
      if (read.success) this.#options.resolve({ newest: read.data.ApiVersion, oldest: read.data.MinAPIVersion })
      else this.#options.reject(this.#noEngine('/version names no usable ApiVersion'))
    } catch (error) {
      this.#options.reject(this.#noEngine('/version is no JSON', { cause: error }))
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer)
    this.#options.reject(error)
  }

  #limit(graceMs: number, onLate: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(onLate, Math.max(1, this.#options.deadline + graceMs - performance.now()))
  }

  #late(): UpstreamTimeoutError {
    return new UpstreamTimeoutError(
      `${this.#options.engine} is connected but does not answer; is the Docker Engine running?`,
    )
  }

  #noEngine(reason: string, options?: RequestErrorOptions): UpstreamUnreachableError {
    return new UpstreamUnreachableError(
      `what answers there is no Docker Engine: ${reason} by ${this.#options.engine}`,
      options,
    )
  }
}

const closedCodes: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const isClosed = (error: unknown): boolean =>
  closedCodes.has(error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '')

function engineName(upstream: Upstream): string {
  return upstream.kind === 'tunnel' ? `the server behind tunnel ${upstream.remotePort}` : upstreamName(upstream)
}
