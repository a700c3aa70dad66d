import { once } from 'node:events'
import { defaultMuxLimits } from '../mux/limits.ts'
import { SocketShaped } from '../mux/socket-shaped.ts'
import type { BandwidthLimit } from '../payload/bandwidth.ts'
import type { PayloadCodec } from '../payload/codec.ts'
import type { FrpStream } from '../frp-stream.ts'

/** What is done to the bytes of a work connection on their way. */
export interface Treatment {
  readonly codec: PayloadCodec
  readonly bandwidth: BandwidthLimit | undefined
}

type WriteCallback = (error?: Error | null) => void

/**
 * A work connection whose bytes are treated, or that has no multiplexer below it, made to stand where a net.Socket stands.
 *
 * It ends as `MuxStream` does, because frp has no half-close: `end()` is held back until the client has ended, `destroySoon()`
 * is not, and `destroy()` of a stream that is not finished cuts the connection.
 */
export class WorkStream extends SocketShaped {
  readonly #connection: FrpStream
  readonly #codec: PayloadCodec
  readonly #bandwidth: BandwidthLimit | undefined
  readonly #stop = new AbortController()
  /** What has been received and not yet treated; more than one only when a source ignores `pause()` for a moment. */
  readonly #received: Buffer[] = []
  #pieces: Iterator<Buffer> | undefined
  #isPumping = false
  #wantsBytes = false
  #isEndReceived = false
  #isDiscarding = false
  #onDrain: WriteCallback | undefined
  #releaseEnd: (() => void) | undefined
  #holdTimer: NodeJS.Timeout | undefined

  constructor(connection: FrpStream, { codec, bandwidth }: Treatment) {
    super({ allowHalfOpen: false })
    this.#connection = connection
    this.#codec = codec
    this.#bandwidth = bandwidth
    this.on('error', () => {}) // a peer cuts connections at will, also while nobody listens
    connection.on('data', this.#onData)
    connection.on('drain', () => this.#finishWrite())
    connection.on('end', () => {
      this.#isEndReceived = true
      this.#releaseEnd?.()
      void this.#pump()
    })
    connection.on('error', (error) => this.destroy(error))
    connection.on('close', () => {
      // What came before an orderly end is still to be read.
      if (!this.#isEndReceived || this.writableLength > 0) this.destroy()
    })
  }

  get bytesRead(): number {
    return this.#connection.bytesRead
  }

  get bytesWritten(): number {
    return this.#connection.bytesWritten
  }

  /** Sends what was written and ends, without waiting for the client's end; drops what still comes. Named as in net.Socket. */
  destroySoon(): void {
    if (this.destroyed || this.#isDiscarding) return
    this.#isDiscarding = true
    this.#received.length = 0
    if (this.writableFinished) {
      this.destroy()
      return
    }
    this.once('finish', () => this.destroy())
    if (!this.writableEnded) this.end()
    this.#releaseEnd?.()
  }

  override _read(): void {
    this.#wantsBytes = true
    void this.#pump()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send([chunk], callback)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: WriteCallback): void {
    this.#send(chunks.map(({ chunk }) => chunk), callback)
  }

  override _final(callback: WriteCallback): void {
    this.#releaseEnd = () => {
      this.#releaseEnd = undefined
      clearTimeout(this.#holdTimer)
      if (this.#connection.destroyed) callback()
      else if (this.#isEndReceived) this.#connection.end(() => callback())
      else {
        this.#connection.once('close', () => callback())
        this.#connection.destroySoon()
      }
    }
    if (this.#isEndReceived || this.#isDiscarding) this.#releaseEnd()
    else this.#holdEnd(this.bytesRead)
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    clearTimeout(this.#holdTimer)
    this.#stop.abort()
    this.#received.length = 0
    this.#connection.destroy()
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isDiscarding || this.destroyed) return
    this.#received.push(chunk)
    void this.#pump()
  }

  /** Treats what was received as long as the application wants more; reads on only when all of it is treated. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#wantsBytes && !this.destroyed) {
        const piece = this.#nextPiece()
        if (!piece) break
        if (this.#bandwidth) await this.#bandwidth.pass(piece.length, this.#stop.signal)
        this.#wantsBytes = false // before push(), which may ask for more
        if (this.push(piece)) this.#wantsBytes = true
      }
    } catch (error) {
      this.destroy(error as Error) // the codec's, or the abort of a stream that is destroyed already
    } finally {
      this.#isPumping = false
    }
  }

  #nextPiece(): Buffer | undefined {
    for (;;) {
      const next = this.#pieces?.next()
      if (next && next.done !== true) return next.value
      const chunk = this.#received.shift()
      if (!chunk) break
      this.#connection.pause()
      this.#pieces = this.#treated(chunk)[Symbol.iterator]()
    }
    this.#pieces = undefined
    if (this.#isEndReceived) this.#endReading()
    else this.#connection.resume()
    return undefined
  }

  *#treated(chunk: Buffer): Generator<Buffer, void> {
    for (const piece of this.#codec.decode(chunk)) {
      if (this.#bandwidth) yield* this.#bandwidth.cut(piece)
      else if (piece.length > 0) yield piece
    }
  }

  #endReading(): void {
    if (this.readableEnded || this.#isDiscarding) return
    this.#codec.end()
    this.push(null)
  }

  #send(chunks: readonly Buffer[], callback: WriteCallback): void {
    if (this.#bandwidth) {
      this.#sendSlowly(chunks, this.#bandwidth).then(() => callback(), callback)
      return
    }
    this.#onDrain = callback
    if (this.#put(chunks)) this.#finishWrite()
  }

  async #sendSlowly(chunks: readonly Buffer[], bandwidth: BandwidthLimit): Promise<void> {
    const { signal } = this.#stop
    for (const chunk of chunks) {
      for (const piece of bandwidth.cut(chunk)) {
        await bandwidth.pass(piece.length, signal)
        if (!this.#put([piece])) await once(this.#connection, 'drain', { signal })
      }
    }
  }

  /** False when the connection wants to be asked no more before its drain. */
  #put(chunks: readonly Buffer[]): boolean {
    let wantsMore = true
    this.#connection.cork()
    for (const chunk of chunks) wantsMore = this.#connection.write(this.#codec.encode(chunk))
    this.#connection.uncork()
    return wantsMore
  }

  #finishWrite(): void {
    const callback = this.#onDrain
    this.#onDrain = undefined
    callback?.()
  }

  /** Waits for the client's end as long as it sends anything: checked once per period, no timer work per chunk. */
  #holdEnd(bytesReadBefore: number): void {
    this.#holdTimer = setTimeout(() => {
      if (this.bytesRead > bytesReadBefore) this.#holdEnd(this.bytesRead)
      else this.#releaseEnd?.()
    }, defaultMuxLimits.heldFinIdleMs)
    this.#holdTimer.unref()
  }
}
