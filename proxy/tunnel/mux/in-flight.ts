/** Where a session begins. It doubles with each answer, faster than TCP finds its own pace. */
const FIRST_BYTES = 65_536

/** Less than this is never waited for: one record of TLS. */
const LEAST_BYTES = 16_384

/** More needs no watching: 64 MiB are there in a second on a line of half a gigabit. */
const MOST_BYTES = 64 * 1_048_576

/** How much longer than on an idle line an answer may take: above the second it is too much, below the first more may go. */
const RELAXED_MS = 500
const CONGESTED_MS = 1_000

export interface InFlightOptions {
  /** Asks the peer for a sign that all so far has arrived; false when none came. */
  readonly probe: () => Promise<boolean>
  /** Bytes that the peer has sent so far. */
  readonly received: () => number
  /** Called when there is room again. */
  readonly onRoom: () => void
  /** Milliseconds that only ever go forward. */
  readonly now?: () => number
}

/**
 * How many bytes may be on their way to the peer: about as many as arrive there within a second.
 *
 * frpc ends a session whose ping is not answered within 10 s, and the answer waits behind all data sent before it. What our
 * own queue holds is the smaller part of that. The operating system takes another megabyte, half a minute on a line of
 * 256 kbit/s, and nothing tells how much it holds; so the peer is asked, with pings of our own, what has arrived.
 */
export class InFlight {
  readonly #options: InFlightOptions
  readonly #now: () => number
  #limit = FIRST_BYTES
  #sent = 0
  #arrived = 0
  #isProbing = false
  #isClosed = false
  /** The shortest time of an answer: that of an idle line. */
  #idleMs = Infinity

  constructor(options: InFlightOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Bytes under way at most. */
  get limit(): number {
    return this.#limit
  }

  get hasRoom(): boolean {
    return this.#sent - this.#arrived < this.#limit
  }

  sent(bytes: number): void {
    this.#sent += bytes
    this.#probeWhenDue()
  }

  close(): void {
    this.#isClosed = true
  }

  #probeWhenDue(): void {
    // The first question comes with the first byte, the answer to a login: then the line is idle.
    const isDue = this.#idleMs === Infinity || this.#sent - this.#arrived >= this.#limit / 2
    if (this.#isClosed || this.#isProbing || !isDue) return
    this.#isProbing = true
    const sent = this.#sent
    const received = this.#options.received()
    const askedAt = this.#now()
    void this.#options.probe().then((isAnswered) => {
      this.#isProbing = false
      // What the peer sends by itself stands in the answer's way back, and says nothing about the way there.
      const isTelling = this.#options.received() - received < LEAST_BYTES
      if (isAnswered) this.#learn(sent, this.#now() - askedAt, isTelling)
      this.#probeWhenDue()
    })
  }

  #learn(arrived: number, tookMs: number, isTelling: boolean): void {
    this.#arrived = arrived
    this.#idleMs = Math.min(this.#idleMs, tookMs)
    const waitedMs = tookMs - this.#idleMs
    if (!isTelling || waitedMs < RELAXED_MS) this.#limit = Math.min(MOST_BYTES, this.#limit * 2)
    else if (waitedMs > CONGESTED_MS) this.#limit = Math.max(LEAST_BYTES, Math.floor((this.#limit * CONGESTED_MS) / waitedMs))
    if (this.hasRoom) this.#options.onRoom()
  }
}
