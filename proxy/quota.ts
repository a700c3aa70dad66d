export interface QuotaLimits {
  /** So many at once, together. */
  readonly total: number
  /** So many at once with the same key. */
  readonly perKey: number
}

/** What a quota says to one more: that it counts from now on, or which limit it would exceed. */
export type Taken = 'taken' | 'total' | 'per key'

/** Counts how many of something there are at once, in all and per key. Its table holds the keys that have any. */
export class Quota {
  readonly #limits: () => QuotaLimits
  readonly #byKey = new Map<string, number>()
  #total = 0

  /** The limits are read at each use: they may change while running. */
  constructor(limits: () => QuotaLimits) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** Counts one more, unless there are too many; without a key only the total counts. */
  take(key?: string): Taken {
    const { total, perKey } = this.#limits()
    if (this.#total >= total) return 'total'
    if (key !== undefined) {
      const taken = this.#byKey.get(key) ?? 0
      if (taken >= perKey) return 'per key'
      this.#byKey.set(key, taken + 1)
    }
    this.#total += 1
    return 'taken'
  }

  /** Gives back one that was taken. */
  release(key?: string): void {
    this.#total -= 1
    if (key === undefined) return
    const left = (this.#byKey.get(key) ?? 1) - 1
    if (left > 0) this.#byKey.set(key, left)
    else this.#byKey.delete(key)
  }
}
