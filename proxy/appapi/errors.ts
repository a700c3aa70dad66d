import { RequestError, type RequestErrorOptions } from '../request/errors.ts'

/** A control call that cannot be served; the message is what AppAPI shows to the admin, so its first 120 characters say why. */
export class ControlApiError extends RequestError {
  readonly status: number
  readonly outcome = 'control-api'
  override readonly logLevel: 'info' | 'warn'

  constructor(status: number, message: string, options?: RequestErrorOptions) {
    super(message, options)
    this.status = status
    // AppAPI takes back records that we may have forgotten long ago, and then thinks nothing of it.
    this.logLevel = status === 404 ? 'info' : 'warn'
  }
}
