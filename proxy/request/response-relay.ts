import type { Dispatcher } from 'undici'
import type { Carrier } from './carrier.ts'
import { ClientGoneError } from './errors.ts'
import { responseHeaders } from './headers.ts'

export interface RelayOptions {
  readonly carrier: Carrier
  /** How long a client may leave sent bytes unread while more wait, in milliseconds. */
  readonly clientStallMs: number
  /** Called once, with the upstream's status, before the head goes to the client. */
  readonly onHead: (status: number) => void
}

/** Passes an upstream's response to the client as it comes: nothing is gathered, the client's pace is the upstream's. */
export class ResponseRelay implements Dispatcher.DispatchHandler {
  /** Resolves when the whole response has been handed over, rejects with what ended it before. */
  readonly done: Promise<void>
  readonly #options: RelayOptions
  #controller: Dispatcher.DispatchController | undefined
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #hasBody = false
  #ended = false

  constructor(options: RelayOptions) {
    this.#options = options
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    options.carrier.reply.once('close', this.#onClientClose)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#options.carrier.isGone) controller.abort(new ClientGoneError('the client went away'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText?: string): void {
    if (status < 200) return // 1xx concern this hop; the client has had its own 100 from us
    const { carrier, onHead } = this.#options
    onHead(status)
    const raw = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    carrier.sendHead(status, statusText ?? '', responseHeaders(raw))
    // The head of an event stream must not wait for its first event; a body that came in the same packet goes with the head.
    process.nextTick(() => {
      if (!this.#hasBody && !this.#ended && !carrier.isGone) carrier.flushHead()
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#hasBody = true
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

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  /** Ends it with what the client is told instead, as long as nothing has been sent. */
  protected fail(error: Error): void {
    this.#finish()
    this.#reject(error)
  }

  readonly #onClientClose = (): void => {
    if (!this.#ended) this.#controller?.abort(new ClientGoneError('the client went away'))
  }

  #finish(): void {
    this.#options.carrier.reply.off('close', this.#onClientClose)
  }
}

/** Of the client's stalling. */
const noLimit = 0
