import { z } from 'zod'
import { type Daemon, exAppUrl } from './daemon.ts'
import { AppApiFailure } from './errors.ts'
import type { ExAppRow } from './exapp-row.ts'
import type { Guzzle } from './guzzle.ts'
import type { AppApiVersion } from './version.ts'

/** Nextcloud's HTTP client gives every request to an ExApp this long unless told otherwise. */
const REQUEST_TIMEOUT_MS = 30_000

const ENABLE_TIMEOUT_MS = 60_000

export interface ExAppCallsOptions {
  readonly daemon: Daemon
  readonly guzzle: Guzzle
  readonly version: AppApiVersion
}

/** Nextcloud's own signed requests to an ExApp, through the public `/exapps/` path (AppAPI contract §6.1, §9.1). */
export class ExAppCalls {
  readonly #options: ExAppCallsOptions

  constructor(options: ExAppCallsOptions) {
    this.#options = options
  }

  /** One try; anything but 200 with `status: ok` is tried again by the caller. */
  async heartbeat(row: ExAppRow): Promise<boolean> {
    const json = { Accept: 'application/json', 'Content-Type': 'application/json' }
    const answer = await this.request(row, { method: 'GET', route: '/heartbeat', headers: json, timeoutMs: REQUEST_TIMEOUT_MS }).catch(() => undefined)
    return answer?.status === 200 && bodyOf(answer.text)?.['status'] === 'ok'
  }

  /** 404 and 501 mean that there is no such step, whoever said so. @throws AppApiFailure on other errors */
  async init(row: ExAppRow): Promise<'waits for progress' | 'no init step'> {
    const { status } = await this.request(row, { method: 'POST', route: '/init', timeoutMs: REQUEST_TIMEOUT_MS })
    if (status === 404 || status === 501) return 'no init step'
    if (status >= 400) throw new AppApiFailure(`init answered ${status}`)
    return 'waits for progress'
  }

  /** Only a JSON object with a non-empty `error` is a refusal, whatever the status. @throws AppApiFailure then, or without an answer */
  async enabled(row: ExAppRow, enabled: boolean): Promise<void> {
    const route = `/enabled?enabled=${enabled ? 1 : 0}`
    const { text } = await this.request(row, { method: 'PUT', route, timeoutMs: ENABLE_TIMEOUT_MS })
    const error = bodyOf(text)?.['error']
    if (error !== undefined && error !== null && error !== '') throw new AppApiFailure(`the ExApp refuses: ${JSON.stringify(error)}`)
  }

  /** Any signed request; no status is an error. */
  async request(
    { manifest, port, secret }: ExAppRow,
    { method, route, headers = {}, body, userId = '', timeoutMs }: ExAppRequest,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { daemon, guzzle, version } = this.#options
    const { status, text } = await guzzle.callAnyStatus({
      method,
      url: exAppUrl(daemon, manifest.appId) + route,
      headers: {
        'AA-VERSION': version,
        'EX-APP-ID': manifest.appId,
        'EX-APP-VERSION': manifest.version,
        'AUTHORIZATION-APP-API': Buffer.from(`${userId}:${secret}`).toString('base64'),
        'AA-REQUEST-ID': 'CLI',
        'harp-shared-key': daemon.sharedKey,
        'ex-app-port': String(port),
        'ex-app-host': hostOf(daemon, manifest.appId),
        'User-Agent': 'Nextcloud-Server-Crawler/test',
        'Accept-Encoding': 'identity', // Nextcloud asks for gzip, which curl undoes for it
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    return { status, text }
  }
}

/** What differs between signed requests. */
export interface ExAppRequest {
  readonly method: string
  readonly route: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly userId?: string
  readonly timeoutMs?: number
}

/** Where AppAPI says an ExApp is (its contract §8.1); local addresses of an override are not believed. */
export function hostOf({ harp, overrideAppHost }: Daemon, appId: string): string {
  if (!harp.exAppDirect) return '127.0.0.1'
  return overrideAppHost !== undefined && !['0.0.0.0', '127.0.0.1', '::', '::1'].includes(overrideAppHost) ? overrideAppHost : appId
}

function bodyOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
