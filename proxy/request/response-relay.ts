import type { ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { ClientGoneError } from './errors.ts'
import { responseHeaders } from './headers.ts'

export interface RelayOptions {
  readonly reply: ServerResponse
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
  #bytes = 0
  #ended = false

  constructor(options: RelayOptions) {
    this.#options = options
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    options.reply.once('close', this.#onClientClose)
  }

  /** Whether the client has been sent the upstream's head, so that no answer of our own is possible any more. */
  get headSent(): boolean {
    return this.#options.reply.headersSent
  }

  get bytes(): number {
    return this.#bytes
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#options.reply.destroyed) controller.abort(new ClientGoneError('the client went away'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, statusText?: string): void {
    if (status < 200) return // 1xx concern this hop; the client has had its own 100 from us
    const { reply, onHead } = this.#options
    onHead(status)
    const raw = Array.isArray(controller.rawHeaders) ? controller.rawHeaders : []
    reply.writeHead(status, statusLineText(statusText), responseHeaders(raw))
    // The head of an event stream must not wait for its first event; a body that came in the same packet goes with the head.
    process.nextTick(() => {
      if (this.#bytes === 0 && !this.#ended && !reply.destroyed) reply.write(noBytes) // flushHeaders() would write the head as UTF-8
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#options.reply.write(chunk) || controller.paused) return
    controller.pause()
    this.#limitStall(this.#options.clientStallMs)
    this.#options.reply.once('drain', () => {
      this.#limitStall(noLimit)
      controller.resume()
    })
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#ended = true
    const { reply } = this.#options
    const raw = Array.isArray(controller.rawTrailers) ? controller.rawTrailers : []
    if (raw.length > 0 && reply.chunkedEncoding) reply.addTrailers(pairs(responseHeaders(raw)))
    reply.end()
    if ((reply.socket?.writableLength ?? 0) > 0) {
      this.#limitStall(this.#options.clientStallMs)
      reply.prependOnceListener('finish', () => this.#limitStall(noLimit)) // before Node sets the limit of an idle connection
    }
    this.#finish()
    this.#resolve()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish()
    this.#reject(error)
  }

  readonly #onClientClose = (): void => {
    if (!this.#ended) this.#controller?.abort(new ClientGoneError('the client went away'))
  }

  /** A socket's own time-out counts from the last byte that the client took; it then destroys the socket. */
  #limitStall(milliseconds: number): void {
    this.#options.reply.socket?.setTimeout(milliseconds)
  }

  #finish(): void {
    this.#options.reply.off('close', this.#onClientClose)
  }
}

const noBytes = Buffer.alloc(0)

/** Of a socket's time-out. */
const noLimit = 0

/** The status text arrives decoded as UTF-8; its bytes go on as they came. */
const statusLineText = (text = ''): string => (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1'))

// oxlint-disable-next-line no-control-regex
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []))
