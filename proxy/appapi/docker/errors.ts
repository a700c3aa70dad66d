import { RequestError } from '../../request/errors.ts'

/** Nobody answers on the engine's port, or the connection was lost in the middle of a call. */
export class EngineUnreachableError extends RequestError {
  readonly status = 503
  readonly outcome = 'engine-unreachable'
  override readonly logLevel = 'error'
}

/** The engine is connected and silent. */
export class EngineTimeoutError extends RequestError {
  readonly status = 504
  readonly outcome = 'engine-timeout'
  override readonly logLevel = 'error'
}

/** The engine answered something that helps nobody: a status of its own trouble, or what is no answer of an engine. */
export class EngineRefusalError extends RequestError {
  readonly status = 503
  readonly outcome = 'engine-refusal'
  override readonly logLevel = 'error'
}

/** Calls for one ExApp stand in line, and the line is too long or does not move. */
export class ExAppBusyError extends RequestError {
  readonly status = 503
  readonly outcome = 'busy'
}

/** The admin's settings do not let an ExApp have that. */
export class NotAllowedError extends RequestError {
  readonly status = 403
  readonly outcome = 'not-allowed'
}
