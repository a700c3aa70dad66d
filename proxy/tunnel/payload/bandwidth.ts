import { setTimeout as delay } from 'node:timers/promises'

/** frp's units: nothing else is a bandwidth to it. */
const BANDWIDTH = /^\s*(\d+(?:\.\d+)?)\s*(KB|MB)\s*$/
const BYTES_PER_UNIT: Readonly<Record<string, number>> = { KB: 1024, MB: 1_048_576 }

/** The most that passes at once: a long write of one stream is not to hold up the others of the proxy for its whole length. */
const MAX_PIECE_BYTES = 65_536

/** Bytes per second of `512KB`, `1.5MB`; 0 means no limit, undefined that frp would not write it so. */
export function parseBandwidth(text: string): number | undefined {
  if (text === '') return 0
  const [, amount, unit = ''] = BANDWIDTH.exec(text) ?? []
  const bytes = Math.floor(Number(amount) * (BYTES_PER_UNIT[unit] ?? Number.NaN))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * The bandwidth of one proxy, shared by all its connections and both directions: a bucket of one second's bytes, as in frps
 * (frp wire protocol §6.4).
 */
export class BandwidthLimit {
  /** Nothing longer may ask to pass. */
  readonly pieceBytes: number
  readonly #bytesPerMs: number
  readonly #burst: number
  readonly #now: () => number
  #tokens: number
  #filledAt: number

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#burst = bytesPerSecond
    this.pieceBytes = Math.min(MAX_PIECE_BYTES, bytesPerSecond)
    this.#now = now
    this.#tokens = bytesPerSecond
    this.#filledAt = now()
  }

  /** Takes these bytes out of the bucket and says how many milliseconds they have to wait; who comes first, waits first. */
  take(bytes: number): number {
    const now = this.#now()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#bytesPerMs) - bytes
    this.#filledAt = now
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#bytesPerMs
  }

  /** Resolves when these bytes may pass. @throws the signal's reason */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.take(bytes)
    if (waitMs > 0) await delay(waitMs, undefined, { signal })
  }

  /** The same bytes in pieces that may pass. */
  *cut(bytes: Buffer): Generator<Buffer, void> {
    for (let start = 0; start < bytes.length; start += this.pieceBytes) yield bytes.subarray(start, start + this.pieceBytes)
  }
}
