import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Carrier } from './carrier.ts'
import { discard } from './discard.ts'
import type { RequestHead } from './head.ts'
import type { FlatHeaders } from './head.ts'
import { reset } from './reset.ts'

/** One request and its reply on an HTTP/1.1 connection. */
export class Http1Carrier implements Carrier {
  readonly incoming: IncomingMessage
  readonly reply: ServerResponse

  constructor(incoming: IncomingMessage, reply: ServerResponse) {
    this.incoming = incoming
    this.reply = reply
  }

  get method(): string {
    return this.incoming.method ?? ''
  }

  get target(): string {
    return this.incoming.url ?? ''
  }

  get rawHeaders(): readonly string[] {
    return this.incoming.rawHeaders
  }

  get remoteAddress(): string | undefined {
    return this.incoming.socket.remoteAddress
  }

  get isEncrypted(): boolean {
    return 'encrypted' in this.incoming.socket
  }

  get trailers(): readonly string[] {
    return this.incoming.rawTrailers
  }

  get headSent(): boolean {
    return this.reply.headersSent
  }

  get status(): number {
    return this.reply.statusCode
  }

  get isGone(): boolean {
    return this.reply.destroyed
  }

  hasBody({ last }: RequestHead): boolean {
    return last.has('transfer-encoding') || (last.get('content-length') ?? '0') !== '0'
  }

  sendContinue(): void {
    this.reply.writeContinue()
  }

  /** Clients of HTTP/1.0 would take it for the answer (RFC 9110 §15.2). */
  sendInterim(status: number, statusText: string, headers: FlatHeaders): void {
    if (this.incoming.httpVersionMinor < 1) return
    const lines = pairs(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.reply.socket?.write(`HTTP/1.1 ${status} ${statusLineText(statusText)}\r\n${lines.join('')}\r\n`, 'latin1')
  }

  sendHead(status: number, statusText: string, headers: FlatHeaders): void {
    this.reply.writeHead(status, statusLineText(statusText), headers)
  }

  flushHead(): void {
    this.reply.write(noBytes) // flushHeaders() would write the head as UTF-8
  }

  write(chunk: Buffer): boolean {
    return this.reply.write(chunk)
  }

  end(trailers: FlatHeaders, stallMs: number): void {
    const { reply } = this
    if (trailers.length > 0 && reply.chunkedEncoding) reply.addTrailers(pairs(trailers))
    reply.end()
    if ((reply.socket?.writableLength ?? 0) === 0) return
    this.limitStall(stallMs)
    reply.prependOnceListener('finish', () => this.limitStall(noLimit)) // before Node sets the limit of an idle connection
  }

  /** A socket's own time-out counts from the last byte that the client took; it then destroys the socket. */
  limitStall(milliseconds: number): void {
    this.reply.socket?.setTimeout(milliseconds)
  }

  answer(status: number, headers: OutgoingHttpHeaders, text: string, last: boolean): void {
    this.reply.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text), ...(last ? { connection: 'close' } : {}) })
    this.reply.end(text)
  }

  /** The connection stays usable when little is left. */
  discardBody(): void {
    discard(this.incoming, () => this.incoming.socket.destroy())
  }

  /** Only an end before the announced one tells the client that the rest is missing. */
  cutShort(): void {
    if (!this.reply.writableFinished) this.reply.destroy()
  }

  /** A reset tells a scanner least and costs least. */
  drop(): void {
    reset(this.incoming.socket)
  }

  forRouter(): { readonly incoming: IncomingMessage; readonly reply: ServerResponse } {
    return this
  }
}

const noBytes = Buffer.alloc(0)

/** Of a socket's time-out. */
const noLimit = 0

/** The status text arrives decoded as UTF-8; its bytes go on as they came. */
const statusLineText = (text: string): string => (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1'))

// oxlint-disable-next-line no-control-regex
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []))
