import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Endpoint } from './call-log.ts'

/** A way for one endpoint of Nextcloud to misbehave. */
export type Fault =
  /** Answers this instead; no content type unless given. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: string | Uint8Array
      readonly contentType?: string
      readonly headers?: OutgoingHttpHeaders
    }
  /** Answers normally, but only after some time. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answers normally, but only when the test lets it. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Resets the connection without an answer. */
  | { readonly kind: 'reset' }
  /** Announces a longer body than it sends, then closes. */
  | { readonly kind: 'cut'; readonly body: string }
  /** Answers 200 with JSON that never ends, a byte at a time. */
  | { readonly kind: 'drip' }
  /** Sends the caller elsewhere, with 302 unless said otherwise. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }

/** Often enough that no pause is what ends it. */
const dripIntervalMs = 100

interface Armed {
  readonly fault: Fault
  remaining: number
}

/** The faults that are set, at most one per endpoint. */
export class Faults {
  #armed = new Map<Endpoint, Armed>()
  #stopped = new AbortController()

  set(endpoint: Endpoint, fault: Fault, times = Infinity): void {
    this.#armed.set(endpoint, { fault, remaining: times })
  }

  clear(): void {
    this.#armed.clear()
  }

  /** Ends every wait, so that closing the server leaves no timer behind. */
  stop(): void {
    this.#stopped.abort()
  }

  /** Plays the endpoint's fault; true when nothing is left to answer. */
  async apply(endpoint: Endpoint, response: ServerResponse): Promise<boolean> {
    const armed = this.#armed.get(endpoint)
    if (!armed || armed.remaining <= 0) return false
    armed.remaining -= 1
    const { fault } = armed
    if (fault.kind === 'delay') await wait(fault.ms, undefined, { signal: this.#stopped.signal })
    else if (fault.kind === 'hold') await fault.until
    else {
      play(fault, response)
      return true
    }
    return false
  }
}

function play(fault: Exclude<Fault, { kind: 'delay' | 'hold' }>, response: ServerResponse): void {
  switch (fault.kind) {
    case 'answer': {
      const body = Buffer.from(fault.body ?? '')
      const type = fault.contentType === undefined ? {} : { 'Content-Type': fault.contentType }
      response.writeHead(fault.status, { ...type, 'Content-Length': body.length, ...fault.headers })
      response.end(body)
      return
    }
    case 'hang':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'cut':
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': fault.body.length + 1 })
      response.write(fault.body, () => response.destroy())
      return
    case 'drip': {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      const drip = setInterval(() => response.write(' '), dripIntervalMs)
      response.once('close', () => clearInterval(drip))
      return
    }
    case 'redirect':
      response.writeHead(fault.status ?? 302, { Location: fault.location, 'Content-Length': 0 })
      response.end()
  }
}
