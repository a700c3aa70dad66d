import { LRUCache } from 'lru-cache'

/** Addresses remembered at once. At about 200 bytes each the table stays below 10 MiB however many peers fail; the one idle longest goes first. */
const maxAddresses = 50_000

export interface BanListOptions {
  /** Failures within the window that ban. */
  readonly count: number
  /** Length of the sliding window in milliseconds; 0 or less: nobody is ever banned. */
  readonly windowMs: number
  readonly now: () => number
}

/** Failures per address in a sliding time window (HaRP contract §3.3). Entries vanish with their window, so the table empties itself. */
export class BanList {
  readonly #failures: LRUCache<string, number[]>
  readonly #options: BanListOptions

  constructor(options: BanListOptions) {
    this.#options = options
    this.#failures = new LRUCache({ max: maxAddresses, ttl: Math.max(1, options.windowMs), perf: { now: options.now }, ttlResolution: 0 })
  }

  /** Counts one failure and answers how many the window holds now. Older ones than a ban needs are not kept. */
  record(address: string): number {
    if (this.#options.windowMs <= 0) return 0
    const failures = [...this.#current(address), this.#options.now()].slice(-this.#options.count)
    this.#failures.set(address, failures)
    return failures.length
  }

  isBanned(address: string): boolean {
    return this.#failures.size > 0 && this.#current(address).length >= this.#options.count
  }

  /** How many addresses are banned now. */
  get bannedCount(): number {
    return [...this.#failures.keys()].filter((address) => this.isBanned(address)).length
  }

  get size(): number {
    return this.#failures.size
  }

  #current(address: string): readonly number[] {
    const oldest = this.#options.now() - this.#options.windowMs
    return (this.#failures.get(address, { updateAgeOnGet: false }) ?? []).filter((at) => at > oldest)
  }
}
