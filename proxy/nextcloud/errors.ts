/** Why Nextcloud gave no usable answer; also the label of the metric. */
export type NextcloudFailure = 'unreachable' | 'timeout' | 'redirect' | 'maintenance' | 'status' | 'invalid' | 'busy'

/** Nextcloud could not be asked, or answered with something that is no answer. The message holds no secret and no address of a visitor. */
export class NextcloudError extends Error {
  readonly failure: NextcloudFailure
  constructor(failure: NextcloudFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}
