import { Duplex } from 'node:stream'
import { FrpProtocolError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'
import { CLOSE_FRAME, WebsocketDecoder, binaryHeader, pongFrame } from './websocket-frames.ts'

/** Pings that find this much unsent are not answered: whoever floods us with them does not read the answers. */
const MAX_QUEUED_BYTES = 65_536

type WriteCallback = (error?: Error | null) => void

/** The byte stream inside an upgraded websocket connection. */
export class WebsocketStream extends Duplex {
  readonly #connection: FrpStream
  readonly #decoder = new WebsocketDecoder()
  #isEnded = false

  constructor(connection: FrpStream) {
    super({ allowHalfOpen: false })
    this.#connection = connection
    this.on('error', () => {}) // is followed by 'close'; between two owners nobody else listens
    connection.on('data', this.#onData)
    connection.on('end', () => this.#finishReading())
    connection.on('error', (error) => this.destroy(error))
    connection.on('close', () => this.destroy())
  }

  get bytesRead(): number {
    return this.#connection.bytesRead
  }

  get bytesWritten(): number {
    return this.#connection.bytesWritten
  }

  /** Named as in net.Socket. */
  destroySoon(): void {
    if (!this.writableEnded) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  override _read(): void {
    this.#connection.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#writeFrame([chunk], callback)
  }

  /** One frame for all that has gathered: a yamux header is not worth one of its own. */
  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: WriteCallback): void {
    this.#writeFrame(chunks.map(({ chunk }) => chunk), callback)
  }

  override _final(callback: WriteCallback): void {
    this.#connection.end(CLOSE_FRAME, () => callback())
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#connection.destroy()
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isEnded) return
    try {
      for (const part of this.#decoder.push(chunk)) {
        if (part.kind === 'bytes') {
          if (!this.push(part.bytes)) this.#connection.pause()
        } else if (part.kind === 'ping') {
          if (this.#connection.writableLength < MAX_QUEUED_BYTES) this.#connection.write(pongFrame(part.payload))
        } else {
          this.#finishReading()
          return
        }
      }
    } catch (error) {
      this.destroy(error instanceof FrpProtocolError ? error : new Error('reading a websocket failed', { cause: error }))
    }
  }

  #finishReading(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.push(null)
  }

  #writeFrame(chunks: readonly Buffer[], callback: WriteCallback): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.#connection.cork()
    let isTaken = this.#connection.write(binaryHeader(length))
    for (const chunk of chunks) isTaken = this.#connection.write(chunk)
    this.#connection.uncork()
    if (isTaken) callback()
    else this.#connection.once('drain', callback)
  }
}
