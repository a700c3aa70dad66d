import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions } from 'node:http2'
import type { Socket } from 'node:net'
import { maxHeadBytes } from './bad-http.ts'
import { readHttp2Head, type Refusal } from './http2-head.ts'
import type { LimitName } from './limit-reached.ts'
import type { Carrier } from './request/carrier.ts'
import { Http2Carrier, type Http2Peer } from './request/http2-carrier.ts'

/** Requests that one connection may have at once: what RFC 9113 §6.5.2 asks a server to allow at least, and HAProxy's number. */
export const maxStreams = 100

/** Of each upload, this much may be on its way or wait here: 8 MB/s at 30 ms. HAProxy's is 64 KiB; with all streams a client can make us hold 25 MiB. */
const streamWindowBytes = 256 * 1024

/** Of all uploads of a connection together, on their way to us. */
const connectionWindowBytes = 1024 * 1024

/** A head beyond our own limit is answered; beyond twice of it, its stream is reset by Node before it is whole. */
const maxHeaderListBytes = 2 * maxHeadBytes

/** The same for the number of its fields. Browsers send each cookie as one and keep up to 180 for a host. */
const maxHeaderFields = 400

/** What nghttp2 and Node hold for one connection, in MiB: tables, frames to be sent, heads. New streams are refused beyond. */
const maxSessionMemoryMib = 10

/** Resets by the client: so many at once (a page that is left, a gallery that is scrolled past), then so many a second (CVE-2023-44487). */
const resetBurst = 500
const resetsPerSecond = 33

/** Frames that break a rule without harm, empty ones among them (CVE-2019-9518), and streams beyond the limit: then the connection ends. */
const maxInvalidFrames = 100
const maxRejectedStreams = 100

/** How long a client that has been told to go may take to close its connection, when it has everything. */
const goodbyeMs = 1_000

/** Bounded by nghttp2 itself: CONTINUATION frames of a head (8), answers to PING and SETTINGS that the client does not take (1,000). */
const limits: ServerOptions = {
  settings: { maxConcurrentStreams: maxStreams, initialWindowSize: streamWindowBytes, maxHeaderListSize: maxHeaderListBytes, enablePush: false },
  maxHeaderListPairs: maxHeaderFields,
  maxSessionMemory: maxSessionMemoryMib,
  maxSessionInvalidFrames: maxInvalidFrames,
  maxSessionRejectedStreams: maxRejectedStreams,
  streamResetBurst: resetBurst,
  streamResetRate: resetsPerSecond,
  strictSingleValueFields: false, // an ExApp's answer goes through as it is
}

export interface Http2SessionsOptions {
  readonly onRequest: (carrier: Carrier, expectsContinue: boolean) => void
  /** Told of each answer to what never became a request, and of each connection that broke the rules (as 400). */
  readonly onRefused: (status: number, limit?: LimitName) => void
}

/** One connection. Its head limits in time are the connection's: while no stream is open it is idle, whatever else it sends. */
interface Open {
  readonly session: ServerHttp2Session
  readonly socket: Socket
  readonly peer: Http2Peer
  streams: number
  idleSince: number
  /** When the client was told to go. */
  closingSince: number | undefined
}

/** All HTTP/2 connections of a listener. */
export class Http2Sessions {
  readonly #open = new Set<Open>()
  readonly #options: Http2SessionsOptions
  #closing = false

  constructor(options: Http2SessionsOptions) {
    this.#options = options
  }

  /** Connections that are open now. */
  get count(): number {
    return this.#open.size
  }

  /** Takes a connection on which the client speaks HTTP/2; bytes that came already wait in the socket. */
  accept(socket: Socket): void {
    if (socket.destroyed) return
    socket.allowHalfOpen = false // a client that ends its side of it wants no more answers
    const session = performServerHandshake(socket, limits)
    const peer = { remoteAddress: socket.remoteAddress, isEncrypted: 'encrypted' in socket }
    const open: Open = { session, socket, peer, streams: 0, idleSince: performance.now(), closingSince: undefined }
    this.#open.add(open)
    socket.once('close', () => this.#open.delete(open))
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_HTTP2')) this.#options.onRefused(400, 'http2_connection') // the others are lost connections
    })
    session.on('stream', (stream, _headers, _flags, rawHeaders) => this.#onStream(open, stream, rawHeaders))
    if (!session.destroyed) session.setLocalWindowSize(connectionWindowBytes)
    if (this.#closing) goAway(open)
  }

  /** Closes what has had no stream for `idleMs`, and cuts what does not go. To be called again and again. */
  closeIdle(idleMs: number): void {
    const now = performance.now()
    for (const open of this.#open) {
      const { session, socket, streams, idleSince, closingSince } = open
      if (closingSince === undefined) {
        if (streams === 0 && now - idleSince >= idleMs) goAway(open)
      } else if (streams === 0 && now - Math.max(closingSince, idleSince) >= (session.destroyed ? goodbyeMs : idleMs)) {
        socket.destroy()
      }
    }
  }

  /** Tells all clients to send no more requests; those that run are finished. */
  close(): void {
    this.#closing = true
    for (const open of this.#open) goAway(open)
  }

  /** Ends all at once. */
  destroy(): void {
    for (const { socket } of this.#open) socket.destroy()
  }

  #onStream(open: Open, stream: ServerHttp2Stream, rawHeaders: readonly string[]): void {
    stream.on('error', () => {}) // a reset of either side; whoever uses the stream sees it close
    if (stream.destroyed || stream.closed) return // taken back before it was looked at
    open.streams += 1
    stream.once('close', () => {
      open.streams -= 1
      open.idleSince = performance.now()
    })
    const head = readHttp2Head(rawHeaders, !stream.endAfterHeaders)
    if ('reason' in head) return this.#refuse(stream, open.peer, head)
    this.#options.onRequest(new Http2Carrier(stream, head, open.peer), head.expect !== undefined)
  }

  #refuse(stream: ServerHttp2Stream, peer: Http2Peer, { status, reason, limit }: Refusal): void {
    this.#options.onRefused(status, limit)
    const carrier = new Http2Carrier(stream, { method: '', target: '', rawHeaders: [] }, peer)
    carrier.answer(status, { 'content-type': 'text/plain; charset=utf-8' }, `${status}: ${reason}`)
    carrier.discardBody()
  }
}

/** GOAWAY; the session ends itself after its last stream. */
function goAway(open: Open): void {
  open.closingSince ??= performance.now()
  if (!open.session.closed && !open.session.destroyed) open.session.close()
}
