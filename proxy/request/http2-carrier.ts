import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { constants, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import type { Carrier } from './carrier.ts'
import { discard } from './discard.ts'
import { UpstreamClosedError } from './errors.ts'
import type { RequestHead } from './head.ts'
import type { FlatHeaders } from './head.ts'

/** Where an HTTP/2 connection comes from. */
export interface Http2Peer {
  readonly remoteAddress: string | undefined
  readonly isEncrypted: boolean
}

/** A request's head, told in HTTP/1.1's way. */
export interface Http2Head {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
}

/** One request and its reply on an HTTP/2 stream. Other streams of the connection may be other visitors': only this one is ever ended. */
export class Http2Carrier implements Carrier {
  readonly incoming: ServerHttp2Stream
  readonly reply: ServerHttp2Stream
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  trailers: readonly string[] = []
  readonly #peer: Http2Peer
  #status = 0
  #replyTrailers: OutgoingHttpHeaders = {}
  /** Trailers, even none, have to be sent before the stream may be ended. */
  #trailersDue = false
  /** Nothing more of the body is taken; the stream is reset as soon as the answer is whole. */
  #discarding = false
  #forRouter: Http2ServerResponse | undefined

  constructor(stream: ServerHttp2Stream, head: Http2Head, peer: Http2Peer) {
    this.incoming = stream
    this.reply = stream
    this.method = head.method
    this.target = head.target
    this.rawHeaders = head.rawHeaders
    this.#peer = peer
    if (!stream.endAfterHeaders) stream.once('trailers', (_fields, _flags, rawTrailers: readonly string[]) => (this.trailers = rawTrailers))
  }

  get remoteAddress(): string | undefined {
    return this.#peer.remoteAddress
  }

  get isEncrypted(): boolean {
    return this.#peer.isEncrypted
  }

  get headSent(): boolean {
    return this.reply.headersSent
  }

  get status(): number {
    return this.#status === 0 ? Number(this.reply.sentHeaders?.[':status'] ?? 0) : this.#status
  }

  get isGone(): boolean {
    return this.reply.destroyed || this.reply.closed
  }

  hasBody({ last }: RequestHead): boolean {
    return !this.incoming.endAfterHeaders && last.get('content-length') !== '0'
  }

  sendContinue(): void {
    if (!this.isGone) this.reply.additionalHeaders({ ':status': 100 })
  }

  sendInterim(status: number, _statusText: string, headers: FlatHeaders): void {
    if (!this.isGone) this.reply.additionalHeaders({ ...headerFields(headers), ':status': status })
  }

  /** HTTP/2 has no status text. Unless the length is known there may be trailers; whether there are is known at the end only. */
  sendHead(status: number, _statusText: string, headers: FlatHeaders): void {
    if (status > 599) throw new UpstreamClosedError(`the upstream's status ${status} cannot be said in HTTP/2`)
    if (this.isGone) return
    this.#status = status
    const endStream = this.method === 'HEAD' || bodiless.has(status)
    const lengthAt = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length')
    // Careless servers announce a body with these two; clients of HTTP/2 would wait for it or complain.
    if (lengthAt >= 0 && (status === 204 || status === 205)) headers.splice(lengthAt, 2)
    this.#trailersDue = !endStream && lengthAt < 0
    if (this.#trailersDue) this.reply.once('wantTrailers', this.#onWantTrailers)
    this.reply.respond([':status', `${status}`, ...headers], { endStream, waitForTrailers: this.#trailersDue })
  }

  /** Nothing to do: a head never waits. */
  flushHead(): void {}

  write(chunk: Buffer): boolean {
    return this.reply.writableEnded || this.isGone || this.reply.write(chunk) // ended: an answer that has no body, whatever comes
  }

  end(trailers: FlatHeaders, stallMs: number): void {
    if (this.#trailersDue) this.#replyTrailers = headerFields(trailers)
    if (!this.reply.writableEnded) this.reply.end()
    if (this.reply.writableLength > 0) this.limitStall(stallMs) // goes with the stream
  }

  /** Time in which the client takes nothing of the whole connection: another stream's progress is progress. */
  limitStall(milliseconds: number): void {
    if (milliseconds > 0 && this.reply.listenerCount('timeout') === 0) this.reply.once('timeout', () => this.cutShort())
    if (!this.isGone) this.reply.setTimeout(milliseconds)
  }

  /** Other answers may follow whatever becomes of this one, so that nothing is ever `last`. */
  answer(status: number, headers: OutgoingHttpHeaders, text: string): void {
    if (this.isGone) return
    this.#status = status
    this.reply.respond({ ...this.#forRouter?.getHeaders(), ...headers, ':status': status, 'content-length': Buffer.byteLength(text) })
    if (!this.reply.writableEnded) this.reply.end(text)
  }

  /** After a whole answer NO_ERROR says that nothing was wrong with a body that is not wanted (RFC 9113 §8.1). */
  discardBody(): void {
    discard(this.incoming, () => {
      if (this.#discarding) return
      this.#discarding = true
      this.incoming.pause()
      if (this.#trailersDue) return
      // close() takes the stall's limit away: not before the client has everything.
      if (this.reply.writableFinished) this.#resetQuietly()
      else this.reply.once('finish', this.#resetQuietly)
    })
  }

  /** close() would end the body in order before it resets the stream; this is a reset with INTERNAL_ERROR and nothing else. */
  cutShort(): void {
    if (!this.reply.writableFinished) this.reply.destroy(new ResponseCutError('the response was cut short'))
  }

  /** Not REFUSED_STREAM: that invites to try again. */
  drop(): void {
    this.reply.close(constants.NGHTTP2_CANCEL)
  }

  forRouter(): { readonly incoming: IncomingMessage; readonly reply: ServerResponse } {
    const headers: IncomingHttpHeaders = { ':method': this.method, ':path': this.target }
    for (let index = 0; index + 1 < this.rawHeaders.length; index += 2) headers[this.rawHeaders[index] ?? ''] = this.rawHeaders[index + 1]
    const incoming = new Http2ServerRequest(this.incoming, headers, {}, this.rawHeaders)
    this.#forRouter = new Http2ServerResponse(this.reply)
    return { incoming: incoming as never, reply: this.#forRouter as never } // Node's own stand-ins for the two
  }

  readonly #onWantTrailers = (): void => {
    this.reply.sendTrailers(this.#replyTrailers) // Node sends them with setImmediate(): what comes after follows them
    this.#trailersDue = false
    if (this.#discarding) setImmediate(this.#resetQuietly)
  }

  readonly #resetQuietly = (): void => this.reply.close(constants.NGHTTP2_NO_ERROR)
}

/** Never leaves this file: it gives a reset its code. */
class ResponseCutError extends Error {}

/** Have no body, whatever the upstream sends (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])

function headerFields(flat: FlatHeaders): OutgoingHttpHeaders {
  const fields: Record<string, string[]> = {}
  for (let index = 0; index + 1 < flat.length; index += 2) (fields[(flat[index] ?? '').toLowerCase()] ??= []).push(flat[index + 1] ?? '')
  return fields
}
