import { ProtocolError } from './errors.ts'
import { INITIAL_WINDOW_BYTES, MAX_LENGTH } from './frame.ts'

/** How many bytes the peer still takes on one stream: 262144 plus every delta, minus what was sent (frp wire protocol §2.3). */
export class SendWindow {
  #credit = INITIAL_WINDOW_BYTES

  get credit(): number {
    return this.#credit
  }

  /** Adds a window update's delta; throws a ProtocolError when the sum is more than a peer can count in 32 bits. */
  add(delta: number): void {
    if (this.#credit + delta > MAX_LENGTH) throw new ProtocolError('a window update overflows the send window')
    this.#credit += delta
  }

  /** Uses up credit for bytes that are sent now; the caller asked `credit` first. */
  spend(bytes: number): void {
    this.#credit -= bytes
  }
}

/**
 * How many bytes the peer may still send on one stream.
 *
 * Credit goes back by consumption, not by arrival, so a reader that stands still stops its peer; and only in halves of the
 * window, because smaller updates cost a frame and gain nothing.
 */
export class ReceiveWindow {
  readonly #maxBytes: number
  #credit: number
  #returned = 0

  constructor(maxBytes: number) {
    this.#maxBytes = Math.max(maxBytes, INITIAL_WINDOW_BYTES)
    this.#credit = this.#maxBytes
  }

  /** What the acknowledgement of a stream has to add to the protocol's initial window. */
  get openingDelta(): number {
    return this.#maxBytes - INITIAL_WINDOW_BYTES
  }

  /** Books a frame's body before any of it is kept; throws a ProtocolError when the peer was not granted that much. */
  reserve(bytes: number): void {
    if (bytes > this.#credit) throw new ProtocolError(`a body of ${bytes} bytes overruns a window of ${this.#credit}`)
    this.#credit -= bytes
  }

  /** The credit to send back now that `consumedTotal` bytes of this stream were consumed in all; 0 when not yet worth a frame. */
  returnFor(consumedTotal: number): number {
    const delta = consumedTotal - this.#returned
    if (delta < this.#maxBytes / 2) return 0
    this.#returned = consumedTotal
    this.#credit += delta
    return delta
  }
}
