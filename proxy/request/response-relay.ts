import type { Dispatcher } from 'undici'
import type { Carrier } from './carrier.ts'
import { ClientGoneError, UpstreamClosedError } from './errors.ts'
import type { FlatHeaders } from './head.ts'
import { responseHeaders } from './headers.ts'
import type { LineUser, UpstreamLine } from './upstream-line.ts'

/** Interim responses to one request: each of them may be as long as a head, and puts off the limit for the response. */
export const maxInterimResponses = 16

export interface RelayOptions {
  readonly carrier: Carrier
  /** Whether the request has a body. */
  readonly hasBody: boolean
  /** How long a client may leave sent bytes unread while more wait, in milliseconds. */
  readonly clientStallMs: number
  /** Called once, with the upstream's status, before the head goes to the client. */
  readonly onHead: (status: number) => void
}

/** Passes an upstream's response to the client as it comes: nothing is gathered, the client's pace is the upstream's. */
export class ResponseRelay implements LineUser {
  /** Resolves when the whole response has been handed over, rejects with what ended it before. */
  readonly done: Promise<void>
  readonly #options: RelayOptions
  #line: UpstreamLine | undefined
  #controller: Dispatcher.DispatchController | undefined
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #interimCount = 0
  #hasResponseBody = false
  #ended = false

  constructor(options: RelayOptions) {
    this.#options = options
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    options.carrier.reply.once('close', this.#onClientClose)
    if (options.carrier.isGone) this.#onClientClose()
  }

  takeLine(line: UpstreamLine): boolean {
    this.#line = line
    return !this.#options.carrier.isGone
  }

  /** The request's body has ended with these. */
  bodyEnded(trailers: FlatHeaders): void {
    this.#line?.sendTrailers(trailers)
  }

  /** Gives up a request whose upstream may not have read its body: it shall see that all the same. */
  readonly cutBody = (): void => {
    if (this.#controller && this.#options.hasBody && !this.#ended) this.#line?.cut()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#options.carrier.isGone) controller.abort(new ClientGoneError())
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText?: string): void {
    const { carrier, onHead } = this.#options
    const raw = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    if (status < 200) {
      this.#interimCount += 1
      if (status < 100) controller.abort(new UpstreamClosedError(`the upstream's status ${status} is none`))
      else if (this.#interimCount > maxInterimResponses) controller.abort(new UpstreamClosedError(`the upstream sent more than ${maxInterimResponses} interim responses`, { limit: 'interim_responses' }))
      else carrier.sendInterim(status, statusText ?? '', responseHeaders(raw))
      return
    }
    onHead(status)
    carrier.sendHead(status, statusText ?? '', responseHeaders(raw))
    // The head of an event stream must not wait for its first event; a body that came in the same packet goes with the head.
    process.nextTick(() => {
      if (!this.#hasResponseBody && !this.#ended && !carrier.isGone) carrier.flushHead()
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#hasResponseBody = true
    const { carrier, clientStallMs } = this.#options
    if (carrier.write(chunk) || controller.paused) return
    controller.pause()
    carrier.limitStall(clientStallMs)
    carrier.reply.once('drain', () => {
      carrier.limitStall(noLimit)
      controller.resume()
    })
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#ended = true
    const raw = Array.isArray(controller.rawTrailers) ? controller.rawTrailers : []
    this.#options.carrier.end(responseHeaders(raw), this.#options.clientStallMs)
    this.#finish()
    this.#resolve()
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.fail(error)
  }

  /** Ends it with what the client is told instead, as long as nothing has been sent. */
  protected fail(error: Error): void {
    this.#finish()
    this.#reject(error)
  }

  readonly #onClientClose = (): void => {
    if (this.#ended) return
    const gone = new ClientGoneError()
    this.cutBody()
    if (this.#controller) return this.#controller.abort(gone)
    // It waits for a connection yet, or for its turn to have one.
    this.#line?.giveUp(gone)
    this.onResponseError(undefined, gone)
  }

  #finish(): void {
    this.#options.carrier.reply.off('close', this.#onClientClose)
  }
}

/** Of the client's stalling. */
const noLimit = 0
