import { STATUS_CODES } from 'node:http'
import type { OnLimit } from '../limit-reached.ts'
import type { Logger } from '../log.ts'
import type { BanList } from './ban-list.ts'
import { RequestError, UnexpectedError } from './errors.ts'
import { type Exchange, hasBody } from './exchange.ts'

export interface RespondDeps {
  readonly bans: BanList
  readonly log: Logger
  /** Told of every finished request: the ExApp, the outcome's name, the status (0: none), and how long it took. */
  readonly observe: (exchange: Exchange, outcome: string, status: number) => void
  readonly onLimit: OnLimit
}

export interface Responder {
  /** The request has been answered by whom it was for. */
  finished(exchange: Exchange): void
  /** Anything that was thrown on the way becomes the client's answer, a ban count, one log line and a metric: here only. */
  refused(exchange: Exchange, error: unknown): void
  /** The ExApp's status says that the visitor failed there (`bruteforce_protection`). */
  failedUpstream(exchange: Exchange, status: number): void
}

export function createResponder({ bans, log, observe, onLimit }: RespondDeps): Responder {
  const record = (exchange: Exchange, reason: string): number => {
    const failures = bans.record(exchange.client)
    if (bans.isBanned(exchange.client)) log.warn({ client: exchange.client, failures }, `client is banned after ${failures} failures, the last: ${reason}`)
    return failures
  }

  return {
    finished(exchange) {
      const status = exchange.carrier.status
      observe(exchange, 'forwarded', status)
      if (log.isLevelEnabled('info')) log.info(facts(exchange, status), 'forwarded')
    },

    refused(exchange, thrown) {
      const error = thrown instanceof RequestError ? thrown : new UnexpectedError(thrown)
      const counts = error.countsAgainstClient && !(error.keyExempts && exchange.hasKey)
      const failures = counts ? record(exchange, error.outcome) : undefined
      observe(exchange, error.outcome, error.status)
      if (error.limit) onLimit(error.limit)
      const more = { ...(failures === undefined ? {} : { failures }), ...(error instanceof UnexpectedError ? { err: error.cause } : {}) }
      log[error.logLevel]({ ...facts(exchange, error.status), outcome: error.outcome, ...more }, error.message)
      if (exchange.carrier.headSent || exchange.carrier.isGone) return
      if (error.status === 0) exchange.carrier.drop()
      else answer(exchange, error)
    },

    failedUpstream(exchange, status) {
      const failures = record(exchange, `the ExApp answered ${status}`)
      log.warn({ client: exchange.client, app: exchange.app, status, failures }, 'the ExApp reports a failure of the client')
    },
  }
}

/** Facts of one request for its log line: the path without its query, which may hold secrets. */
function facts({ carrier, url, client, app, startedAt }: Exchange, status: number): Record<string, unknown> {
  const path = url.split('?', 1)[0]?.slice(0, 256)
  return { method: carrier.method, path, client, app, status, ms: Math.round(performance.now() - startedAt) }
}

/** Plain text always: AppAPI takes a JSON body for the ExApp's own verdict (AppAPI contract §6.2). */
function answer(exchange: Exchange, error: RequestError): void {
  const { carrier } = exchange
  const text = exchange.hasKey ? error.message : `${error.status} ${STATUS_CODES[error.status]}`
  const unread = hasBody(exchange) && !carrier.incoming.readableEnded
  // Whoever waits for our "continue" gets none and may send its body or not: the next request could not be told apart.
  const last = exchange.expectsContinue || exchange.upgrade !== undefined || error.status === 408
  carrier.answer(error.status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, text, last)
  if (unread) carrier.discardBody()
}
