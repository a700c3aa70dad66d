import { Readable } from 'node:stream'
import { ClientGoneError, ClientTooSlowError } from './errors.ts'

/**
 * A request's body on its way upstream. It follows the upstream's pace, gives up when the client stays silent for
 * `idleMs` although we would take more, and leaves the client's connection alone when the upstream fails.
 */
export class RequestBody extends Readable {
  readonly #incoming: Readable
  readonly #idleTimer: NodeJS.Timeout

  constructor(incoming: Readable, idleMs: number) {
    super({ highWaterMark: 64 * 1024 })
    this.#incoming = incoming
    this.#idleTimer = setTimeout(() => {
      if (incoming.isPaused()) this.#idleTimer.refresh() // we are the slow one
      else this.destroy(new ClientTooSlowError(`no byte of the request body for ${idleMs} ms`))
    }, idleMs)
    incoming.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('aborted', this.#onError)
    incoming.pause()
  }

  override _read(): void {
    if (!this.#incoming.isPaused()) return
    this.#idleTimer.refresh()
    this.#incoming.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#idleTimer)
    this.#incoming.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('aborted', this.#onError)
    this.#incoming.on('error', () => {}) // a client that leaves now has nobody to tell
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#idleTimer.refresh()
    if (!this.push(chunk)) this.#incoming.pause()
  }

  readonly #onEnd = (): void => {
    clearTimeout(this.#idleTimer)
    this.push(null)
  }

  /** Nothing else ends a request's body early: its connection is lost, or what came is no HTTP. */
  readonly #onError = (cause?: Error): void => {
    this.destroy(new ClientGoneError('the client ended its request before its body was complete', { cause }))
  }
}
