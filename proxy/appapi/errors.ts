/** A control call that cannot be served; the message is what AppAPI shows to the admin. */
export class ControlApiError extends Error {
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}
