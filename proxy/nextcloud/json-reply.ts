import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { NextcloudError } from './errors.ts'

/** Nextcloud's two answers take a few kilobytes; an ExApp with thousands of routes stays below this. */
export const maxBodyBytes = 1024 * 1024

/** What Nextcloud answered. */
export interface Reply {
  readonly status: number
  /** `undefined` unless the status is 200: client errors need no JSON, their status alone decides. */
  readonly body: unknown
}

export interface JsonReplyOptions {
  /** For the whole call, the wait for a free connection included. */
  readonly timeoutMs: number
  /** Told when the answer is longer than that. */
  readonly onTooLong: () => void
  readonly resolve: (reply: Reply) => void
  /** Gets a `NextcloudError` for what is no answer, or undici's error when the connection failed. */
  readonly reject: (error: Error) => void
}

/**
 * Reads one bounded JSON answer. It takes undici's events as they come: each new visitor costs one such call, and promises,
 * streams and abort signals around it would cost more than the call.
 */
export class JsonReply implements Dispatcher.DispatchHandler {
  readonly #options: JsonReplyOptions
  readonly #timer: NodeJS.Timeout
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #late: NextcloudError | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #length = 0

  constructor(options: JsonReplyOptions) {
    this.#options = options
    this.#timer = setTimeout(this.#onTimeout, options.timeoutMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#late) controller.abort(this.#late)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length
    if (this.#status === 200) this.#chunks.push(chunk)
    if (this.#length <= maxBodyBytes) return
    this.#options.onTooLong()
    if (this.#status !== 200) this.onResponseEnd() // nobody needs the rest
    controller.abort(new NextcloudError('invalid', `Nextcloud's answer is longer than ${maxBodyBytes} bytes`))
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer)
    try {
      this.#options.resolve({ status: this.#status, body: this.#body() })
    } catch (error) {
      this.#options.reject(error as NextcloudError)
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer)
    this.#options.reject(error)
  }

  readonly #onTimeout = (): void => {
    this.#late = new NextcloudError('timeout', `Nextcloud did not answer in time (${this.#options.timeoutMs} ms)`)
    this.#options.reject(this.#late) // also while no connection is free, when there is nothing yet to abort
    this.#controller?.abort(this.#late)
  }

  /** Throws `NextcloudError` for a redirect, a server error, or no JSON. */
  #body(): unknown {
    const status = this.#status
    if (status === 200) return parseJson(this.#headers['content-type'], Buffer.concat(this.#chunks).toString('utf8'))
    if (status >= 400 && status < 500) return undefined
    if (status >= 300 && status < 400) {
      throw new NextcloudError('redirect', `Nextcloud redirects (status ${status}); NC_INSTANCE_URL has to be the address that answers itself`)
    }
    if (status === 503 && this.#headers['x-nextcloud-maintenance-mode'] !== undefined) throw new NextcloudError('maintenance', 'Nextcloud is in maintenance mode')
    throw new NextcloudError('status', `Nextcloud answered ${status}`)
  }
}

function parseJson(contentType: string | undefined, text: string): unknown {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType ?? '')) {
    throw new NextcloudError('invalid', 'Nextcloud answered with something else than JSON; is NC_INSTANCE_URL right and AppAPI enabled?')
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new NextcloudError('invalid', 'Nextcloud answered with broken JSON') // the parser's message quotes the text, e.g. an ExApp's token
  }
}
