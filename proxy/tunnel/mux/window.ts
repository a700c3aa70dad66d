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

/** Lends what a window holds beyond the initial one. */
export interface WindowLender {
  lend(bytes: number): boolean
  takeBack(bytes: number): void
  /** Whether others may soon be refused. */
  readonly isScarce: boolean
}

/** A reader that took half of a window within this time gets a larger one: on a path of 250 ms it is what slows the peer down. */
const GROW_WITHIN_MS = 250

/** From this part of a window on its reader is what slows the stream down, and a smaller one would do as well. */
const UNREAD_TO_SHRINK = 1 / 2

const sinceStart = (): number => performance.now()

/**
 * How many bytes the peer may still send on one stream.
 *
 * Credit goes back by consumption, not by arrival, so a reader that stands still stops its peer; and only in halves of the
 * window, because smaller updates cost a frame and gain nothing. The window begins as small as the protocol allows and doubles
 * for a reader that is fast, as long as somebody lends it the bytes; where they are scarce, a reader that falls behind loses them.
 */
export class ReceiveWindow {
  readonly #maxBytes: number
  readonly #lender: WindowLender
  readonly #now: () => number
  /** What the peer may have sent and the reader not taken, together. */
  #size = INITIAL_WINDOW_BYTES
  #credit = INITIAL_WINDOW_BYTES
  /** All that the peer was ever granted. */
  #granted = INITIAL_WINDOW_BYTES
  #returnedAt: number

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(maxBytes: number, lender: WindowLender, now: () => number = sinceStart) {
    this.#maxBytes = maxBytes
    this.#lender = lender
    this.#now = now
    this.#returnedAt = now()
  }

  /** Books a frame's body before any of it is kept; throws a ProtocolError when the peer was not granted that much. */
  reserve(bytes: number): void {
    if (bytes > this.#credit) throw new ProtocolError(`a body of ${bytes} bytes overruns a window of ${this.#credit}`)
    this.#credit -= bytes
  }

  /** The credit to send back now that so much of this stream was read in all, and so much waits unread; 0 when not yet worth a frame. */
  returnFor(readTotal: number, unread: number): number {
    if (this.#due(readTotal) < this.#size / 2) return 0
    this.#resize(unread)
    const delta = this.#due(readTotal)
    if (delta < this.#size / 2) return 0 // it shrank
    this.#granted += delta
    this.#credit += delta
    return delta
  }

  /** Nothing more will come. */
  close(): void {
    this.#shrink()
  }

  #due(readTotal: number): number {
    return readTotal + this.#size - this.#granted
  }

  #resize(unread: number): void {
    const now = this.#now()
    const isFast = now - this.#returnedAt <= GROW_WITHIN_MS
    this.#returnedAt = now
    const growth = Math.min(this.#size, this.#maxBytes - this.#size)
    if (this.#lender.isScarce && unread >= this.#size * UNREAD_TO_SHRINK) this.#shrink()
    else if (isFast && growth > 0 && this.#lender.lend(growth)) this.#size += growth
  }

  #shrink(): void {
    if (this.#size > INITIAL_WINDOW_BYTES) this.#lender.takeBack(this.#size - INITIAL_WINDOW_BYTES)
    this.#size = INITIAL_WINDOW_BYTES
  }
}
