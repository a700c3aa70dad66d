/** AppAPI gave up; the message is what the admin would read. */
export class AppApiFailure extends Error {
  override readonly name: string = 'AppApiFailure'
}

/** The daemon answered 400 or more, which Guzzle throws before AppAPI looks at the status. */
export class ErrorStatus extends AppApiFailure {
  override readonly name = 'ErrorStatus'
  readonly status: number

  constructor(call: string, status: number, statusText: string, body: string) {
    const kind = status < 500 ? 'Client error' : 'Server error'
    super(`${kind}: \`${call}\` resulted in a \`${status} ${statusText}\` response:\n${body.slice(0, SHOWN_BYTES)}`)
    this.status = status
  }
}

/** No answer: refused, broken off, or not within the time limit. */
export class NoAnswer extends AppApiFailure {
  override readonly name = 'NoAnswer'
}

/** What the admin sees of an error's body (AppAPI contract §2.3). */
const SHOWN_BYTES = 120
