import type { Dispatcher } from 'undici'
import type { RequestError } from './errors.ts'
import { type RelayOptions, ResponseRelay } from './response-relay.ts'

/** Longer than any line that begins a stream of progress; what is longer is passed on unread. */
const maxLineLength = 64 * 1024

/** Why a response with status 200 that begins with this line is none; `undefined`: it is one. */
export type RefuseStart = (line: string) => RequestError | undefined

/** Holds a response back until its first line is there: some servers say 200 before they know how it ends. */
export class FirstLineRelay extends ResponseRelay {
  readonly #refuse: RefuseStart
  #sendHead: (() => void) | undefined
  #held: Buffer = Buffer.alloc(0)

  constructor(options: RelayOptions, refuse: RefuseStart) {
    super(options)
    this.#refuse = refuse
  }

  override onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: unknown, statusText?: string): void {
    const send = (): void => super.onResponseStart(controller, status, headers, statusText)
    if (status === 200) this.#sendHead = send
    else send()
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#sendHead) return super.onResponseData(controller, chunk)
    this.#held = Buffer.concat([this.#held, chunk])
    if (this.#held.includes('\n') || this.#held.length > maxLineLength) this.#begin(controller)
  }

  override onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (!this.#sendHead || this.#begin(controller)) super.onResponseEnd(controller)
  }

  /** Answers whether the response goes on. */
  #begin(controller: Dispatcher.DispatchController): boolean {
    const refusal = this.#refuse(this.#held.toString('utf8').split('\n', 1)[0] ?? '')
    if (refusal) {
      this.fail(refusal)
      controller.abort(refusal)
      return false
    }
    this.#sendHead?.()
    this.#sendHead = undefined
    if (this.#held.length > 0) super.onResponseData(controller, this.#held)
    return true
  }
}
