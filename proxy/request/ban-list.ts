import { LRUCache } from 'lru-cache'
import { whenFull } from '../limits.ts'

/** Count and window are read at each use: they may change while running. */
export interface BanListOptions {
  /** Failures within the window that ban. */
  readonly count: number
  /** Length of the sliding window in milliseconds; 0 or less: nobody is ever banned. */
  readonly windowMs: number
  readonly now: () => number
  /** Addresses remembered at once, however many fail; beyond, the one idle longest is forgotten and `onFull` told. */
  readonly maxAddresses: number
  readonly onFull: () => void
}

/** Failures per address in a sliding time window (HaRP contract §3.3). Entries go with their window, so the table empties itself. */
export class BanList {
  /** Times of the failures, oldest first. */
  readonly #failures: LRUCache<string, number[]>
  readonly #options: BanListOptions
  #sweptAt: number

  constructor(options: BanListOptions) {
    this.#options = options
    this.#failures = new LRUCache<string, number[]>({ max: options.maxAddresses, dispose: whenFull(options.onFull), ttl: 1, perf: { now: options.now }, ttlResolution: 0 })
    this.#sweptAt = options.now()
  }

  /** Counts one failure and answers how many the window holds now. Older ones than a ban needs are not kept. */
  record(address: string): number {
    const { windowMs, count, now } = this.#options
    if (windowMs <= 0) return 0
    this.#sweep()
    const failures = this.#failures.get(address) ?? []
    failures.push(now())
    const expired = failures.findIndex((at) => at > now() - windowMs)
    failures.splice(0, Math.max(expired, failures.length - count))
    this.#failures.set(address, failures, { ttl: windowMs }) // counts the entry's lifetime from now on
    return failures.length
  }

  isBanned(address: string): boolean {
    return this.#ban(this.#failures.get(address))
  }

  /** How many addresses are banned now. */
  get bannedCount(): number {
    return [...this.#failures.values()].filter((failures) => this.#ban(failures)).length
  }

  /** How many addresses failed within the window. */
  get size(): number {
    this.#failures.purgeStale()
    return this.#failures.size
  }

  /** Asked for each request: one look at the failure that has to be recent enough. */
  #ban(failures: readonly number[] | undefined): boolean {
    const decisive = failures?.at(-this.#options.count)
    return decisive !== undefined && decisive > this.#options.now() - this.#options.windowMs
  }

  /** Once per window, so that the cost per failure stays constant. */
  #sweep(): void {
    const now = this.#options.now()
    if (now - this.#sweptAt < this.#options.windowMs) return
    this.#sweptAt = now
    this.#failures.purgeStale()
  }
}
