import { getCACertificates } from 'node:tls'
import { Pool } from 'undici'
import { z } from 'zod'
import type { OnLimit } from '../limit-reached.ts'
import type { AccessLevel } from '../routes/route-table.ts'
import { NextcloudError } from './errors.ts'
import { accessLevelSchema, type ExApp, exAppSchema, toExApp } from './exapp.ts'
import { readJson } from './read-json.ts'

/** Who a visitor is, as Nextcloud says. Level 0 with an id is a disabled user. */
export interface User {
  readonly id: string
  readonly level: AccessLevel
}

export const anonymous: User = { id: '', level: 0 }

/** What identifies a visitor to Nextcloud, and what Nextcloud needs to tell one visitor from another when it throttles. */
export interface VisitorCredentials {
  readonly cookies: string | undefined
  readonly authorization: string | undefined
  readonly userAgent: string | undefined
  readonly clientAddress: string
}

export interface NextcloudClient {
  /** Calls that are under way or wait for a connection. */
  readonly callCount: number
  /** `undefined`: unknown, or the shared keys differ (Nextcloud does not tell which). Throws `NextcloudError`. */
  exApp(appId: string): Promise<ExApp | undefined>
  /** Throws `NextcloudError` when Nextcloud could not be asked. */
  user(appId: string, visitor: VisitorCredentials): Promise<User & { readonly cacheable: boolean }>
  close(): Promise<void>
}

export type NextcloudCall = 'exapp-meta' | 'user-info'

export interface NextcloudClientOptions {
  readonly url: URL
  /** The keys that are valid now, read at each call: current first, then the previous one while it lasts. */
  readonly sharedKeys: () => readonly string[]
  /** Told after every call: how it ended and how long it took. */
  readonly observe: (call: NextcloudCall, outcome: string, milliseconds: number) => void
  /** Calls at once, those included that wait for a connection; one more is not made. */
  readonly maxCalls: number
  readonly onLimit: OnLimit
  /** A call is abandoned after this long. */
  readonly timeoutMs?: number
}

/** HaRP's pool (contract §4); further calls wait in the queue. */
const maxConnections = 100

/** HaRP's limit for a whole call, the wait for a free connection included (contract §4). */
const defaultTimeoutMs = 25_000

/** Until a connection stands (HaRP contract §4: 5 s). */
const connectTimeoutMs = 5_000

const userSchema = z.object({ user_id: z.string().default(''), access_level: accessLevelSchema })

/** Asks Nextcloud's AppAPI about ExApps and visitors. Never follows a redirect: the shared key would go along (Q12). */
export function createNextcloudClient({ url, sharedKeys, observe, maxCalls, onLimit, timeoutMs = defaultTimeoutMs }: NextcloudClientOptions): NextcloudClient {
  const pool = new Pool(url.origin, {
    connections: maxConnections,
    connect: { timeout: connectTimeoutMs, ca: [...getCACertificates('default'), ...getCACertificates('system')] },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  const base = `${url.pathname.replace(/\/$/, '')}/index.php/apps/app_api/harp`

  /** The key that Nextcloud accepted last. */
  let accepted: string | undefined
  let callCount = 0

  /** Nextcloud may have the other key still, or already; its 401 for that looks like the one for an unknown app. */
  async function get(call: NextcloudCall, appId: string, visitorHeaders: readonly [string, string][]): Promise<Reply> {
    const keys = sharedKeys()
    const first = keys.find((key) => key === accepted) ?? keys[0] ?? ''
    const reply = await getWith(first, call, appId, visitorHeaders)
    const other = keys.find((key) => key !== first)
    if (reply.status !== 401 || other === undefined) return reply
    const second = await getWith(other, call, appId, visitorHeaders)
    if (second.status !== 401) accepted = other
    return second
  }

  async function getWith(sharedKey: string, call: NextcloudCall, appId: string, visitorHeaders: readonly [string, string][]): Promise<Reply> {
    const startedAt = performance.now()
    if (callCount >= maxCalls) {
      onLimit('nextcloud_calls')
      throw new NextcloudError('busy', 'too many questions to Nextcloud are under way already; does it answer slowly?')
    }
    callCount += 1
    const outcome = (text: string): void => observe(call, text, performance.now() - startedAt)
    const headers = Object.fromEntries([['accept', 'application/json'], ['harp-shared-key', sharedKey], ...visitorHeaders])
    try {
      const path = `${base}/${call}?appId=${encodeURIComponent(appId)}`
      const response = await pool.request({ method: 'GET', path, headers, signal: AbortSignal.timeout(timeoutMs) })
      const body = await readJson(response, () => onLimit('nextcloud_answer_bytes'))
      outcome(String(response.statusCode))
      return { status: response.statusCode, body }
    } catch (error) {
      const failure = error instanceof NextcloudError ? error : unreachable(error)
      outcome(failure.failure)
      throw failure
    } finally {
      callCount -= 1
    }
  }

  return {
    get callCount() {
      return callCount
    },

    async exApp(appId) {
      const { status, body } = await get('exapp-meta', appId, [])
      if (status === 401 || status === 404) return undefined
      if (status !== 200) throw new NextcloudError('status', `Nextcloud answered ${status} when asked about ExApp ${appId}`)
      const read = exAppSchema.safeParse(body)
      if (!read.success) throw new NextcloudError('invalid', `Nextcloud's record of ExApp ${appId} is not usable: ${describe(read.error)}`)
      return toExApp(appId, read.data)
    },

    async user(appId, visitor) {
      const { status, body } = await get('user-info', appId, identifyingHeaders(visitor))
      if (status >= 400 && status < 500) return { ...anonymous, cacheable: false }
      const read = userSchema.safeParse(status === 200 ? body : undefined)
      if (!read.success) throw new NextcloudError('invalid', `Nextcloud's answer about a visitor (status ${status}) is not usable`)
      return { id: read.data.user_id, level: read.data.access_level, cacheable: true }
    },

    close: () => pool.destroy(),
  }
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

/** Only what identifies: other headers of a visitor could corrupt the call or turn its answer (Q11). */
function identifyingHeaders(visitor: VisitorCredentials): [string, string][] {
  const headers: readonly [string, string | undefined][] = [
    ['cookie', visitor.cookies],
    ['authorization', visitor.authorization],
    ['user-agent', visitor.userAgent],
    ['x-forwarded-for', visitor.clientAddress],
  ]
  return headers.filter((header): header is [string, string] => header[1] !== undefined)
}

/** Field names and what is wrong with them; never a value, which may be the ExApp's token. */
const describe = (error: z.ZodError): string => error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')

function unreachable(error: unknown): NextcloudError {
  const code = codeOf(error)
  const timedOut = code === 'TimeoutError' || code.includes('TIMEOUT') || code === 'ETIMEDOUT'
  const text = timedOut ? `Nextcloud did not answer in time (${code})` : `Nextcloud cannot be reached (${code})`
  return new NextcloudError(timedOut ? 'timeout' : 'unreachable', text, { cause: error })
}

/** The code of a DOMException, as abort signals throw them, is a number that says nothing. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
