import type { Duplex } from 'node:stream'
import { Client, type Dispatcher } from 'undici'
import type { FlatHeaders } from './head.ts'
import { filterReads, InterimFilter } from './interim-filter.ts'
import { reset } from './reset.ts'

/** One connection of a pool, for the request that undici has given to it: what undici itself cannot be asked for. */
export interface UpstreamLine {
  /** Nobody wants the request any more: a connection that is only now being opened for it is given up. */
  giveUp(reason: Error): void
  /** Ends the connection in the middle of a request. */
  cut(): void
  /** Sends these behind the request's body, which has just ended, if it goes upstream in chunks. */
  sendTrailers(trailers: FlatHeaders): void
}

/** A handler that wants to know the line that its request is given to. */
export interface LineUser extends Dispatcher.DispatchHandler {
  /** False: nobody wants the request any more, and it is left out. */
  takeLine(line: UpstreamLine): boolean
}

export interface LineOptions extends Client.Options {
  readonly maxHeaderSize: number
}

/** Opens the connection; aborting the signal gives up. */
export type OpenLine = (signal: AbortSignal) => Promise<Duplex>

/** undici's client for one connection at a time, for pools with one request at a time on each. */
export class LineClient extends Client {
  readonly #line: Line

  constructor(origin: URL, options: LineOptions, open: OpenLine) {
    const line = new Line(open, options.maxHeaderSize)
    super(origin, { ...options, connect: (_options, callback) => void line.open().then((socket) => callback(null, socket as never), (error: unknown) => callback(asError(error), null)) })
    this.#line = line
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (wantsLine(handler) && !handler.takeLine(this.#line)) return true
    this.#line.filter.expectHead()
    return super.dispatch(options, handler)
  }
}

class Line implements UpstreamLine {
  readonly #open: OpenLine
  readonly #maxHeadBytes: number
  #opening: AbortController | undefined
  #socket: Duplex | undefined
  filter: InterimFilter

  constructor(open: OpenLine, maxHeadBytes: number) {
    this.#open = open
    this.#maxHeadBytes = maxHeadBytes
    this.filter = new InterimFilter(maxHeadBytes)
  }

  async open(): Promise<Duplex> {
    const opening = new AbortController()
    this.#opening = opening
    try {
      const socket = await this.#open(opening.signal)
      this.filter = new InterimFilter(this.#maxHeadBytes)
      filterReads(socket, this.filter)
      this.#socket = socket
      return socket
    } finally {
      this.#opening = undefined
    }
  }

  giveUp(reason: Error): void {
    this.#opening?.abort(reason)
  }

  cut(): void {
    if (this.#socket) reset(this.#socket)
  }

  /** undici knows no trailers of requests; it writes the end of a chunked body next. */
  sendTrailers(trailers: FlatHeaders): void {
    const socket = this.#socket
    if (!socket || trailers.length === 0) return
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
    socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
      socket.write = write
      return write(chunk === lastChunk ? `${lastChunk.slice(0, -2)}${trailerLines(trailers)}\r\n` : chunk, ...rest)
    }
  }
}

/** How undici ends a body that goes in chunks. */
const lastChunk = '\r\n0\r\n\r\n'

const trailerLines = (trailers: FlatHeaders): string =>
  trailers.reduce((lines, text, index) => lines + text + (index % 2 === 0 ? ': ' : '\r\n'), '')

const wantsLine = (handler: Dispatcher.DispatchHandler): handler is LineUser => 'takeLine' in handler

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error('connection failed', { cause: error }))
