import type { LimitName } from '../limit-reached.ts'
import { NextcloudError } from '../nextcloud/errors.ts'

/**
 * Why a request is not forwarded. The message is for callers with the right shared key and for the log: reason first, then
 * what to do. Visitors only see the status (design: nothing about the inside).
 */
export abstract class RequestError extends Error {
  /** The limit that was in the way, if one was. */
  readonly limit: LimitName | undefined
  /** 0: no answer at all, the connection is dropped. */
  abstract readonly status: number
  /** Label of the metric and word in the log. */
  abstract readonly outcome: string
  /** Whether it counts towards a ban of the client (HaRP contract §3.3). */
  readonly countsAgainstClient: boolean = false
  /** Whether a right shared key exempts from that. */
  readonly keyExempts: boolean = false
  readonly logLevel: 'info' | 'warn' | 'error' = 'warn'

  constructor(message: string, { limit, ...options }: RequestErrorOptions = {}) {
    super(message, options)
    this.limit = limit
  }
}

export interface RequestErrorOptions extends ErrorOptions {
  readonly limit?: LimitName
}

const drop = 0

/** An app id in a path can be as long as a request head; a log line should not. */
const shortened = (appId: string): string => (appId.length <= 64 ? appId : `${appId.slice(0, 64)}…`)

export class MalformedRequestError extends RequestError {
  readonly status = 400
  readonly outcome = 'malformed'
}

export class BannedError extends RequestError {
  readonly status = drop
  readonly outcome = 'banned'
  override readonly logLevel = 'info' // the failures that led here were warned about
}

export class ClimbingPathError extends RequestError {
  readonly status = drop
  readonly outcome = 'dot-dot'
  override readonly countsAgainstClient = true
  override readonly keyExempts = true
}

export class NoAppIdError extends RequestError {
  readonly status = 404
  readonly outcome = 'no-app-id'
  override readonly countsAgainstClient = true
  override readonly keyExempts = true
}

export class UnknownExAppError extends RequestError {
  readonly status = 404
  readonly outcome = 'unknown-exapp'
  override readonly countsAgainstClient = true
  override readonly keyExempts = true
  constructor(appId: string) {
    super(`ExApp ${shortened(appId)} is unknown to Nextcloud, or its shared key differs from ours; compare HP_SHARED_KEY with the daemon's settings in Nextcloud`)
  }
}

export class ExAppLookupError extends RequestError {
  readonly status: 404 | 503
  readonly outcome = 'lookup-failed'
  override readonly logLevel = 'error'
  constructor(appId: string, cause: unknown) {
    super(`Nextcloud could not be asked about ExApp ${shortened(appId)}: ${cause instanceof Error ? cause.message : 'unknown error'}`, { cause })
    this.status = wasNotAsked(cause) ? 503 : 404
  }
}

/** The control API without the right key. */
export class WrongKeyError extends RequestError {
  readonly status = 401
  readonly outcome = 'wrong-key'
  override readonly countsAgainstClient = true
}

/** A request that claims to be signed by AppAPI, with a wrong key. */
export class WrongSignatureError extends RequestError {
  readonly status = drop
  readonly outcome = 'wrong-key'
  override readonly countsAgainstClient = true
}

/** `/heartbeat`, `/init`, `/enabled`: AppAPI's own, never a visitor's. */
export class LifecyclePathError extends RequestError {
  readonly status = drop
  readonly outcome = 'lifecycle-path'
  override readonly countsAgainstClient = true
}

export class VisitorUnidentifiedError extends RequestError {
  readonly status: 401 | 503
  readonly outcome = 'identity-failed'
  override readonly logLevel = 'error'
  constructor(cause: unknown) {
    super(`Nextcloud could not be asked who the visitor is: ${cause instanceof Error ? cause.message : 'unknown error'}`, { cause })
    this.status = wasNotAsked(cause) ? 503 : 401
  }
}

/** Too many questions are under way, so it says nothing about this one. */
const wasNotAsked = (cause: unknown): boolean => cause instanceof NextcloudError && cause.failure === 'busy'

export class AccessDeniedError extends RequestError {
  readonly status = 403
  readonly outcome = 'denied'
  override readonly countsAgainstClient = true
}

export class NoRouteError extends RequestError {
  readonly status = 404
  readonly outcome = 'no-route'
  override readonly countsAgainstClient = true
}

/** A header that only AppAPI sends has a value that cannot be used. */
export class BadControlHeaderError extends RequestError {
  readonly status = 503
  readonly outcome = 'bad-header'
}

/** The ExApp's host name does not resolve. AppAPI would take a 404 to `/init` for "no init step" (Q40), so only visitors get one. */
export class UpstreamUnresolvableError extends RequestError {
  readonly status: 404 | 502
  readonly outcome = 'unresolvable'
  override readonly logLevel = 'error'
  constructor(host: string, forAppApi: boolean) {
    super(`host name ${host} of the ExApp does not resolve here; is its container on a network that this data plane shares?`)
    this.status = forAppApi ? 502 : 404
  }
}

/** Nobody listens there, or no tunnel is connected. */
export class UpstreamUnreachableError extends RequestError {
  readonly status = 503
  readonly outcome = 'unreachable'
  override readonly logLevel = 'error'
}

/** The connection ended before a whole response head had come. */
export class UpstreamClosedError extends RequestError {
  readonly status = 502
  readonly outcome = 'closed'
  override readonly logLevel = 'error'
}

export class UpstreamTimeoutError extends RequestError {
  readonly status = 504
  readonly outcome = 'timeout'
  override readonly logLevel = 'error'
}

/** The client stopped sending its body, or reads its answer too slowly. */
export class ClientTooSlowError extends RequestError {
  readonly status = 408
  readonly outcome = 'client-timeout'
  override readonly logLevel = 'info'
}

/** The client went away; nobody is left to answer. */
export class ClientGoneError extends RequestError {
  readonly status = drop
  readonly outcome = 'client-gone'
  override readonly logLevel = 'info'
  constructor(message = 'the client went away', options?: ErrorOptions) {
    super(message, options)
  }
}

/** A Docker API path outside the allow-list (HaRP contract §3.7). */
export class DockerPathError extends RequestError {
  readonly status = 403
  readonly outcome = 'docker-path'
}

/** More of something at once than one peer, or all together, may have. It is worth trying again later. */
export class OverloadedError extends RequestError {
  readonly status = 503
  readonly outcome = 'overloaded'
  constructor(limit: LimitName, message: string, options?: ErrorOptions) {
    super(message, { ...options, limit })
  }
}

/** A flaw of ours. */
export class UnexpectedError extends RequestError {
  readonly status = 503
  readonly outcome = 'unexpected'
  override readonly logLevel = 'error'
  constructor(cause: unknown) {
    super('unexpected error in the data plane, see its log', { cause })
  }
}
