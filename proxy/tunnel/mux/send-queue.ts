import type { Duplex } from 'node:stream'
import { encodeHeaders } from './encoder.ts'
import { HEADER_BYTES } from './frame.ts'
import type { FrameHeader } from './frame.ts'
import { InFlight } from './in-flight.ts'
import type { MuxLimits } from './limits.ts'

/** Something that has bytes to send and takes turns with others: a stream. */
export interface Sender {
  /** There are bytes to send and credit to send them. */
  readonly canSend: boolean
  /** Writes one data frame of at most `maxBytes` of payload and returns the bytes written, header included. */
  writeFrame(transport: Duplex, maxBytes: number): number
  /** Called after the turn in which the last pending byte was written. */
  afterTurn(): void
}

/** What the queue needs of its session. */
export interface SendQueueHost {
  /** Whether the peer answered a new ping. */
  ping(): Promise<boolean>
  bytesReceived(): number
  onControlFlood(queuedFrames: number): void
}

/**
 * Decides what goes onto the transport next.
 *
 * Control frames go first, then the streams take turns of one quantum each; everything of one turn is written under one cork.
 * Little is kept in the transport and on the way, so that a control frame that comes later does not wait behind megabytes.
 */
export class SendQueue {
  readonly #transport: Duplex
  readonly #limits: MuxLimits
  readonly #host: SendQueueHost
  readonly #inFlight: InFlight
  #control: FrameHeader[] = []
  /** In order of turns: a stream that had its turn is taken out and added at the end. */
  readonly #ready = new Set<Sender>()
  #isScheduled = false
  #isSending = false
  #isClosed = false
  #bytesSent = 0

  constructor(transport: Duplex, limits: MuxLimits, host: SendQueueHost) {
    this.#transport = transport
    this.#limits = limits
    this.#host = host
    this.#inFlight = new InFlight({ probe: () => host.ping(), received: () => host.bytesReceived(), onRoom: () => this.#schedule() })
    transport.on('drain', this.#send)
  }

  get bytesSent(): number {
    return this.#bytesSent
  }

  /** Queues a frame without a body ahead of all data. */
  control(header: FrameHeader): void {
    if (this.#isClosed) return
    this.#control.push(header)
    // One read may hold thousands of pings: only what the transport does not take counts as a flood.
    if (this.#control.length > this.#limits.maxQueuedControlFrames) this.#send()
    if (this.#control.length > this.#limits.maxQueuedControlFrames) this.#host.onControlFlood(this.#control.length)
    else this.#schedule()
  }

  /** Puts a stream at the end of the line, unless it already stands in it. */
  add(sender: Sender): void {
    if (this.#isClosed) return
    this.#ready.add(sender)
    this.#schedule()
  }

  remove(sender: Sender): void {
    this.#ready.delete(sender)
  }

  /** Writes out the control frames that wait, whatever the transport holds: the session ends after this. */
  flushControl(): void {
    if (!this.#isClosed) this.#writeControl()
  }

  close(): void {
    this.#isClosed = true
    this.#inFlight.close()
    this.#transport.off('drain', this.#send)
    this.#control = []
    this.#ready.clear()
  }

  /** Sends at the end of the current callback, so that everything it writes shares one system call. */
  #schedule(): void {
    if (this.#isScheduled || this.#isFull()) return
    this.#isScheduled = true
    process.nextTick(this.#send)
  }

  /** A transport that does not ask for a drain will not announce one, so it is not full whatever it holds. */
  #isFull(): boolean {
    return this.#transport.writableNeedDrain && this.#transport.writableLength >= this.#limits.socketQueueBytes
  }

  readonly #send = (): void => {
    this.#isScheduled = false
    if (this.#isSending || this.#isClosed || this.#transport.destroyed) return
    this.#isSending = true
    const turns: Sender[] = []
    this.#transport.cork()
    if (!this.#isFull()) this.#writeControl()
    for (const sender of this.#ready) {
      if (this.#isFull() || !this.#inFlight.hasRoom) break
      this.#ready.delete(sender)
      const sent = sender.writeFrame(this.#transport, Math.min(this.#limits.quantumBytes, this.#inFlight.limit))
      this.#bytesSent += sent
      this.#inFlight.sent(sent)
      if (sender.canSend) this.#ready.add(sender)
      else turns.push(sender)
    }
    this.#transport.uncork()
    this.#isSending = false
    // Applications write their next bytes from here; those wait for the next turn.
    for (const sender of turns) sender.afterTurn()
    if (this.#control.length > 0 || (this.#ready.size > 0 && this.#inFlight.hasRoom)) this.#schedule()
  }

  #writeControl(): void {
    if (this.#control.length === 0) return
    this.#transport.write(encodeHeaders(this.#control))
    this.#bytesSent += this.#control.length * HEADER_BYTES
    this.#control = []
  }
}
