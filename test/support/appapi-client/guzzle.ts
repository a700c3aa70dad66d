import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { AppApiFailure, ErrorStatus, NoAnswer } from './errors.ts'
import { phpJson } from './php-json.ts'

/** One call as AppAPI makes it with Guzzle. */
export interface GuzzleCall {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** For the whole call, in milliseconds; AppAPI mostly has none. */
  readonly timeoutMs?: number
}

export interface GuzzleAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly text: string
}

/** Above this, curl asks before it sends a body (AppAPI contract §2.2). */
const EXPECT_ABOVE_BYTES = 1024 * 1024

/** How long curl waits for the permission before it sends anyway. */
const EXPECT_WAIT_MS = 1_000

const MAX_REDIRECTS = 5

/** A PHP process: keeps its connections, and fails calls as Guzzle does (AppAPI contract §2.3). */
export class Guzzle {
  readonly #agent = new Agent({ keepAlive: true })

  /** @throws ErrorStatus from 400 on @throws NoAnswer */
  async call(call: GuzzleCall): Promise<GuzzleAnswer> {
    const answer = await this.callAnyStatus(call)
    if (answer.status >= 400) throw new ErrorStatus(`${call.method} ${call.url}`, answer.status, answer.statusText, answer.text)
    return answer
  }

  /** For callers to whom no status is an error. */
  async callAnyStatus(call: GuzzleCall): Promise<GuzzleAnswer & { readonly statusText: string }> {
    const signal = call.timeoutMs === undefined ? undefined : AbortSignal.timeout(call.timeoutMs)
    const payload = call.body === undefined ? undefined : phpJson(call.body)
    try {
      return await this.#follow(call, payload, signal)
    } catch (error) {
      if (error instanceof AppApiFailure) throw error
      const reason = signal?.aborted ? `Operation timed out after ${call.timeoutMs} milliseconds` : String(error)
      throw new NoAnswer(`cURL error: ${reason} for ${call.method} ${call.url}`, { cause: error })
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #follow(call: GuzzleCall, payload: string | undefined, signal: AbortSignal | undefined): Promise<GuzzleAnswer & { readonly statusText: string }> {
    let next = { method: call.method, url: call.url, headers: call.headers, payload }
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.#send(next, signal)
      const body = await buffer(response)
      const status = response.statusCode ?? 0
      refuseStrayBody(status, response)
      const { location } = response.headers
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
        return { status, statusText: response.statusMessage ?? '', headers: response.headers, body, text: body.toString('utf8') }
      }
      next = redirected(next, status, new URL(location, next.url).href)
    }
    throw new AppApiFailure(`Will not follow more than ${MAX_REDIRECTS} redirects`)
  }

  async #send({ method, url, headers, payload }: Sent, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const bytes = payload === undefined ? undefined : Buffer.from(payload)
    const asks = bytes !== undefined && bytes.length > EXPECT_ABOVE_BYTES
    const all: OutgoingHttpHeaders = {
      'User-Agent': 'GuzzleHttp/7',
      ...headers,
      ...(bytes ? { 'Content-Type': 'application/json', 'Content-Length': bytes.length } : {}),
      ...(method !== 'GET' && !bytes ? { 'Content-Length': 0 } : {}),
      ...(asks ? { Expect: '100-continue' } : {}),
    }
    const sending = request(url, { method, headers: all, agent: this.#agent, ...(signal ? { signal } : {}) })
    const answered = new Promise<IncomingMessage>((resolve, reject) => sending.once('response', resolve).once('error', reject))
    if (!asks) sending.end(bytes)
    else {
      const allowed = new Promise<'continue'>((resolve) => sending.once('continue', () => resolve('continue')))
      const early = answered.then(() => 'answered' as const, () => 'answered' as const)
      if ((await Promise.race([allowed, early, delay(EXPECT_WAIT_MS, 'late' as const)])) === 'answered') sending.destroy()
      else sending.end(bytes)
    }
    return answered
  }
}

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string | undefined
}

/** A 301 or 302 makes a GET without a body of anything; another origin does not get `Authorization`, but everything else. */
function redirected(sent: Sent, status: number, url: string): Sent {
  const { Authorization: _, ...others } = sent.headers
  const headers = new URL(url).origin === new URL(sent.url).origin ? sent.headers : others
  if (status === 307 || status === 308) return { ...sent, url, headers }
  return { method: sent.method === 'HEAD' ? 'HEAD' : 'GET', url, headers, payload: undefined }
}

/** Bytes after a 204 belong to no answer and would be read as the next one. */
function refuseStrayBody(status: number, { headers }: IncomingMessage): void {
  if (status !== 204) return
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) {
    throw new AppApiFailure('a 204 with a body: the next call on the connection would read it')
  }
}
