import type { Duplex } from 'node:stream'
import { dataHeader, encodeHeader, windowUpdate } from './encoder.ts'
import { ProtocolError, SessionClosedError, StreamCloseTimeoutError, StreamDestroyedError, StreamMemoryError, StreamResetError } from './errors.ts'
import { Flag, HEADER_BYTES } from './frame.ts'
import type { FrameHeader } from './frame.ts'
import type { MuxLimits } from './limits.ts'
import { detached } from './receive-buffer.ts'
import type { SessionMemory } from './receive-memory.ts'
import { SendBuffer } from './send-buffer.ts'
import type { Sender } from './send-queue.ts'
import { SocketShaped } from './socket-shaped.ts'
import { UnreadBytes } from './unread-bytes.ts'
import { SendWindow } from './window.ts'

/** What a stream asks of the session that carries it. */
export interface StreamHost {
  readonly limits: MuxLimits
  readonly memory: SessionMemory
  sendControl(header: FrameHeader): void
  queueData(stream: MuxStream): void
  /** The id is finished on the wire, for us at least: forget the stream. */
  release(stream: MuxStream): void
}

type WriteCallback = (error?: Error | null) => void

/**
 * One stream of a session, made to stand where a net.Socket stands (undici and node:http take it as theirs).
 *
 * frp has no half-close: a FIN makes frpc close its local socket at once, and the answer is lost (frp wire protocol §2.4). So
 * `end()` holds the FIN back until the peer's FIN came, `destroySoon()` sends it after the last byte and drops what still
 * comes, and `destroy()` of a stream that is not finished resets it. The methods named `receive…` belong to the muxer.
 */
export class MuxStream extends SocketShaped implements Sender {
  readonly id: number
  /** Bytes that were handed to the transport. */
  bytesWritten = 0

  readonly #host: StreamHost
  readonly #sendWindow = new SendWindow()
  readonly #unread: UnreadBytes
  readonly #outbox = new SendBuffer()
  #onOutboxSent: WriteCallback | undefined
  #onFinSent: WriteCallback | undefined
  #closeTimer: NodeJS.Timeout | undefined
  #wantsBytes = false
  #isReadableEnded = false
  #isDiscarding = false
  #isFinSent = false
  #isFinReceived = false
  #isReleased = false

  constructor(id: number, host: StreamHost) {
    // Without half-open, Node ends the writable side by itself after the peer's FIN was read: that is our FIN.
    super({ allowHalfOpen: false })
    this.id = id
    this.#host = host
    this.#unread = new UnreadBytes({
      maxWindowBytes: host.limits.receiveWindowBytes,
      memory: host.memory,
      onGiveUp: () => this.#abandon(new StreamMemoryError(id)),
    })
    // A peer resets streams at will, also while they wait in a pool without an owner: that must not end the process.
    this.on('error', () => {})
    // What is left to send now may lack credit that a closed peer never gives.
    this.once('end', () => this.#armCloseTimer())
    host.sendControl(windowUpdate(id, Flag.ack, 0))
  }

  /** Bytes that arrived on this stream. */
  get bytesRead(): number {
    return this.#unread.received
  }

  get canSend(): boolean {
    return this.#outbox.length > 0 && this.#sendWindow.credit > 0
  }

  /** Sends what was written and then FIN, without waiting for the peer's; drops what still comes. Named as in net.Socket. */
  destroySoon(): void {
    if (this.destroyed || this.#isDiscarding) return
    this.#isDiscarding = true
    this.#unread.inbox.clear()
    this.#account()
    if (this.writableFinished) {
      this.destroy()
      return
    }
    this.once('finish', () => this.destroy())
    if (!this.writableEnded) this.end()
    if (this.#onFinSent !== undefined) this.#sendFin()
    this.#armCloseTimer()
  }

  receiveCredit(delta: number): void {
    this.#sendWindow.add(delta)
    if (this.canSend) this.#host.queueData(this)
  }

  /** Books a body of which nothing is here yet; throws a ProtocolError when it overruns the window. */
  receiveDataHeader(length: number): void {
    this.#unread.reserve(length)
  }

  receiveData(bytes: Buffer): void {
    // After its FIN frpc may send what another goroutine was just writing; after ours, what it wrote before it knew.
    if (this.#isFinReceived || this.#isDiscarding || this.destroyed) return
    const { inbox } = this.#unread
    this.#unread.arrived(bytes.length)
    if (this.#wantsBytes && inbox.length === 0) this.#give(detached(bytes))
    else inbox.add(bytes)
    this.#account()
  }

  /** Takes the peer's FIN; throws a ProtocolError at a second one. */
  receiveFin(): void {
    if (this.#isFinReceived) throw new ProtocolError(`stream ${this.id} was finished twice`)
    this.#isFinReceived = true
    if (this.#isFinSent) this.#release()
    else if (this.#onFinSent !== undefined) this.#sendFin()
    this.#endWhenDelivered()
  }

  receiveReset(): void {
    this.#release()
    this.destroy(new StreamResetError(this.id))
  }

  sessionClosed(reason: Error | undefined): void {
    this.#isReleased = true
    clearTimeout(this.#closeTimer)
    this.destroy(new SessionClosedError(reason))
  }

  writeFrame(transport: Duplex, maxBytes: number): number {
    const length = Math.min(this.#outbox.length, this.#sendWindow.credit, maxBytes)
    if (length === 0) return 0
    this.#sendWindow.spend(length)
    this.bytesWritten += length
    transport.write(encodeHeader(dataHeader(this.id, length)))
    for (const bytes of this.#outbox.take(length)) transport.write(bytes)
    return HEADER_BYTES + length
  }

  afterTurn(): void {
    if (this.#outbox.length > 0) return
    const callback = this.#onOutboxSent
    this.#onOutboxSent = undefined
    callback?.()
  }

  /** Whatever way the application takes bytes, it comes through here, unless they went to it without waiting. */
  override read(size?: number): Buffer | null {
    const bytes: Buffer | null = super.read(size)
    if (bytes !== null) this.#account()
    return bytes
  }

  override _read(): void {
    this.#wantsBytes = true
    const { inbox } = this.#unread
    let bytes = inbox.shift()
    while (bytes !== undefined) bytes = this.#give(bytes) ? inbox.shift() : undefined
    this.#endWhenDelivered()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#post([chunk], callback)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], callback: WriteCallback): void {
    this.#post(chunks.map(({ chunk }) => chunk), callback)
  }

  override _final(callback: WriteCallback): void {
    this.#onFinSent = callback
    if (this.#isFinReceived || this.#isDiscarding) this.#sendFin()
    else this.#holdFin(this.bytesRead)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#leaveWire()
    this.#unread.end()
    this.#outbox.clear()
    callback(error)
    const onOutboxSent = this.#onOutboxSent
    this.#onOutboxSent = undefined
    onOutboxSent?.(error ?? new StreamDestroyedError(this.id))
  }

  #post(chunks: Buffer[], callback: WriteCallback): void {
    this.#outbox.put(chunks)
    this.#onOutboxSent = callback
    if (this.#outbox.length === 0) this.afterTurn()
    else if (this.canSend) this.#host.queueData(this)
  }

  /** Gives the application what it asked for; says whether it wants more. */
  #give(bytes: Buffer): boolean {
    this.#wantsBytes = false
    return this.push(bytes)
  }

  /** Says what is held unread, and returns credit for what was read. */
  #account(): void {
    this.#unread.count(this.readableLength)
    if (this.#isReleased || this.#isFinReceived || this.#isDiscarding || this.destroyed) return
    const delta = this.#unread.takeCredit()
    if (delta > 0) this.#host.sendControl(windowUpdate(this.id, Flag.none, delta))
  }

  #endWhenDelivered(): void {
    if (!this.#isFinReceived || this.#isReadableEnded || this.#unread.inbox.length > 0 || this.destroyed) return
    this.#isReadableEnded = true
    this.push(null)
  }

  #sendFin(): void {
    this.#isFinSent = true
    clearTimeout(this.#closeTimer)
    this.#host.sendControl(windowUpdate(this.id, Flag.fin, 0))
    if (this.#isFinReceived) this.#release()
    else this.#armCloseTimer()
    const callback = this.#onFinSent
    this.#onFinSent = undefined
    callback?.()
  }

  /** Waits for the peer's FIN as long as it sends anything: checked once per period, no timer work per chunk. */
  #holdFin(bytesReadBefore: number): void {
    this.#closeTimer = setTimeout(() => {
      if (this.bytesRead > bytesReadBefore) this.#holdFin(this.bytesRead)
      else this.#sendFin()
    }, this.#host.limits.heldFinIdleMs)
    this.#closeTimer.unref()
  }

  /** Bounds a state in which only the peer can bring the stream to its end. */
  #armCloseTimer(): void {
    if (this.#isReleased) return
    clearTimeout(this.#closeTimer)
    this.#closeTimer = setTimeout(() => {
      this.#abandon(new StreamCloseTimeoutError(this.id))
    }, this.#host.limits.closeTimeoutMs)
    this.#closeTimer.unref()
  }

  /** What a destroyed stream still owes its peer: nothing, a FIN that was due anyway, or RST. */
  #leaveWire(): void {
    const isWaitingForPeersFin = this.#isDiscarding && this.#isFinSent
    if (isWaitingForPeersFin) return
    if (this.#isFinReceived && !this.#isReleased && this.#outbox.length === 0) this.#sendFin()
    else this.#reset()
  }

  #abandon(reason: Error): void {
    this.#reset()
    this.destroy(reason)
  }

  #reset(): void {
    if (this.#isReleased) return
    this.#host.sendControl(windowUpdate(this.id, Flag.rst, 0))
    this.#release()
  }

  #release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    clearTimeout(this.#closeTimer)
    this.#host.release(this)
  }
}
