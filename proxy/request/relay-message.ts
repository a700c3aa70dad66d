import type { IncomingMessage } from 'node:http'
import type { Dispatcher } from 'undici'
import { UpstreamClosedError, UpstreamTimeoutError } from './errors.ts'
import type { ResponseRelay } from './response-relay.ts'

/** Gives a relay the response that Node's own client has received: as undici would, its limit for gaps included. The connection ends with it. */
export function relayMessage(response: IncomingMessage, relay: ResponseRelay, gapMs: number): void {
  const controller = new MessageController(response)
  const timer = setTimeout(() => {
    if (controller.paused) timer.refresh() // the client is the slow one
    else controller.abort(new UpstreamTimeoutError('the upstream stopped sending its answer to an upgrade'))
  }, gapMs)
  const fail = (error?: Error): void => {
    if (response.readableEnded) return
    relay.onResponseError(controller, controller.reason ?? error ?? new UpstreamClosedError('the upstream closed the connection in the middle of its answer'))
  }
  response.on('data', (chunk: Buffer) => {
    timer.refresh()
    relay.onResponseData(controller, chunk)
  })
  response.once('end', () => {
    relay.onResponseEnd(controller)
    response.destroy()
  })
  response.once('error', fail).once('close', () => {
    clearTimeout(timer)
    response.socket.destroy()
    fail()
  })
  relay.onRequestStart(controller)
  if (!controller.aborted) relay.onResponseStart(controller, response.statusCode ?? 0, undefined, utf8(response.statusMessage))
}

class MessageController implements Dispatcher.DispatchController {
  readonly #response: IncomingMessage
  aborted = false
  reason: Error | null = null

  constructor(response: IncomingMessage) {
    this.#response = response
  }

  get paused(): boolean {
    return this.#response.isPaused()
  }

  get rawHeaders(): string[] {
    return this.#response.rawHeaders
  }

  get rawTrailers(): string[] {
    return this.#response.rawTrailers
  }

  pause(): void {
    this.#response.pause()
  }

  resume(): void {
    this.#response.resume()
  }

  abort(reason: Error): void {
    this.aborted = true
    this.reason = reason
    this.#response.destroy(reason)
  }
}

/** undici reads a status text as UTF-8, Node as latin1. */
const utf8 = (text = ''): string => Buffer.from(text, 'latin1').toString('utf8')
