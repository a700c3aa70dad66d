import { STATUS_CODES } from 'node:http'
import { Pool } from 'undici'
import { z } from 'zod'
import { trustedAuthorities } from './trusted-authorities.ts'

/** Whether Nextcloud can be reached, with one word for programs and a sentence for admins. */
export interface Reachability {
  readonly reachable: boolean
  readonly reason: string
  readonly message: string
}

/** A healthy Nextcloud answers in well under a second. */
const TIMEOUT_MS = 10_000

/** `status.php` takes 200 bytes; an error page some kilobytes. */
const MAX_BYTES = 256 * 1024

/** Who asks more often gets the last answer: asking must not become a load on Nextcloud. */
const FRESH_MS = 15_000

/** `status.php` says these without a key and also in maintenance mode. */
const statusSchema = z.object({ installed: z.boolean(), maintenance: z.boolean(), versionstring: z.string().default('') })

const maintenance: Reachability = {
  reachable: false,
  reason: 'Maintenance',
  message: 'Nextcloud is in maintenance mode: occ maintenance:mode --off',
}

export interface Probe {
  /** Calls Nextcloud's `status.php`, at most every 15 s; concurrent callers share one call. Never throws. */
  ask(): Promise<Reachability>
  close(): Promise<void>
}

/** `now` is a clock in milliseconds that only goes forward. */
export function createProbe({ url, now }: { readonly url: URL; readonly now: () => number }): Probe {
  const pool = new Pool(url.origin, {
    connections: 1,
    maxResponseSize: MAX_BYTES,
    connect: { timeout: TIMEOUT_MS, ...(url.protocol === 'https:' && { ca: trustedAuthorities() }) },
  })
  const path = `${url.pathname.replace(/\/$/, '').replace(/\/index\.php$/, '')}/status.php`
  let last: { readonly at: number; readonly answer: Promise<Reachability> } | undefined
  return {
    ask() {
      if (!last || now() - last.at >= FRESH_MS) last = { at: now(), answer: askOnce(pool, path, url) }
      return last.answer
    },
    close: () => pool.destroy(),
  }
}

async function askOnce(pool: Pool, path: string, url: URL): Promise<Reachability> {
  try {
    const response = await pool.request({ method: 'GET', path, headers: { accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) })
    const { statusCode } = response
    if (statusCode >= 300 && statusCode < 400) {
      await response.body.dump()
      return { reachable: false, reason: 'Redirect', message: `Nextcloud redirects elsewhere (${statusCode}): set the URL that it answers at itself` }
    }
    const status = statusSchema.safeParse(await response.body.json().catch(() => undefined)) // a page is no answer
    if (status.success) return judge(status.data)
    return { reachable: false, reason: 'NoNextcloud', message: `what answers at ${url.origin} is no Nextcloud: ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd() }
  } catch (error) {
    return explain(error, url)
  }
}

function judge({ installed, maintenance: isMaintained, versionstring }: z.output<typeof statusSchema>): Reachability {
  if (isMaintained) return maintenance
  if (!installed) return { reachable: false, reason: 'NotInstalled', message: 'Nextcloud is not installed yet' }
  return { reachable: true, reason: 'Answers', message: `Nextcloud ${versionstring} answers`.replace('  ', ' ') }
}

/** Codes of Node and OpenSSL by what an admin would call them. */
function explain(error: unknown, { hostname, host }: URL): Reachability {
  const fails = (reason: string, message: string): Reachability => ({ reachable: false, reason, message })
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return fails('DNS', `the name ${hostname} cannot be resolved (${code})`)
  if (code === 'ECONNREFUSED') return fails('Refused', `nothing listens at ${host}`)
  if (/CERT|SELF_SIGNED|SIGNATURE|ALTNAME/.test(code)) return fails('TLS', `the certificate of ${host} is not accepted (${code})`)
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return fails('TLS', `no TLS connection with ${host} (${code}); is it http?`)
  if (code.includes('TIMEOUT') || code === 'ETIMEDOUT' || (error instanceof Error && error.name === 'TimeoutError')) return fails('Timeout', `${host} does not answer within ${TIMEOUT_MS / 1000} s`)
  return fails('Unreachable', `${host} cannot be reached (${code || 'unknown error'})`)
}
