import { LRUCache } from 'lru-cache'
import { whenFull } from '../limits.ts'
import type { ExApp } from './exapp.ts'

/** HaRP's time for "not found" (contract §4.1): an app just registered is found soon, a scanner does not reach Nextcloud. */
const unknownTtlMs = 15_000

/** A record older than this is fetched again behind the answer it still gives, so that a changed setting is seen without a push (Q13). */
const freshMs = 60_000

/** AppAPI's column holds 32 characters; what is longer cannot be known and need not be asked about or remembered. */
const maxIdLength = 128

export interface ExAppCacheOptions {
  readonly fetch: (appId: string) => Promise<ExApp | undefined>
  readonly now: () => number
  /** Records, and ids that are nobody's, remembered at once; beyond, the one unused longest is forgotten and `onFull` told. */
  readonly maxKnown: number
  readonly maxUnknown: number
  readonly onFull: (table: 'known' | 'unknown') => void
  /** Told of a record that came new or changed, e.g. to report its unusable routes. */
  readonly onRecord?: (exApp: ExApp) => void
  /** Told when a refresh behind the scenes failed; the old record stays. */
  readonly onRefreshError?: (appId: string, error: unknown) => void
}

interface Entry {
  readonly exApp: ExApp
  fetchedAt: number
}

/**
 * Records of ExApps. Positive entries are keyed without case, as HaRP does; Nextcloud is asked with the spelling of the
 * request, then in lower case, because its own look-up knows upper from lower case (AppAPI contract §13).
 */
export class ExAppCache {
  readonly #options: ExAppCacheOptions
  readonly #known: LRUCache<string, Entry>
  readonly #unknown: LRUCache<string, true>
  readonly #flights = new Map<string, Promise<ExApp | undefined>>()
  /** Raised by every push and deletion, so that an older look-up still in flight cannot overwrite them (Q14). */
  readonly #generation: LRUCache<string, number>

  constructor(options: ExAppCacheOptions) {
    this.#options = options
    const { maxKnown, maxUnknown, onFull } = options
    this.#known = new LRUCache<string, Entry>({ max: maxKnown, dispose: whenFull(() => onFull('known')) })
    this.#generation = new LRUCache<string, number>({ max: maxKnown })
    this.#unknown = new LRUCache<string, true>({ max: maxUnknown, dispose: whenFull(() => onFull('unknown')), ttl: unknownTtlMs, perf: { now: options.now }, ttlResolution: 0 })
  }

  get size(): number {
    return this.#known.size
  }

  /** The record, from memory where possible; concurrent look-ups share one call. Throws what `fetch` throws; errors are not remembered. */
  find(appId: string): ExApp | undefined | Promise<ExApp | undefined> {
    const entry = this.#known.get(appId.toLowerCase())
    if (!entry) return appId.length > maxIdLength || this.#unknown.has(appId) ? undefined : this.#look(appId)
    if (this.#options.now() - entry.fetchedAt > freshMs) {
      entry.fetchedAt = this.#options.now() // one refresh at a time, also when it fails
      this.#look(entry.exApp.id).catch((error: unknown) => this.#options.onRefreshError?.(entry.exApp.id, error))
    }
    return entry.exApp
  }

  /** Asks Nextcloud now, whatever is remembered; what is remembered only counts while Nextcloud cannot be asked. */
  async findFresh(appId: string): Promise<ExApp | undefined> {
    try {
      return await this.#look(appId)
    } catch (error) {
      const known = this.#known.get(appId.toLowerCase())?.exApp
      if (known) return known
      throw error
    }
  }

  /** What Nextcloud pushed replaces what was known. */
  store(exApp: ExApp): void {
    this.#supersede(exApp.id)
    this.#remember(exApp)
  }

  /** Forgets a record, also "not found", so that the next request asks; answers whether there was one. */
  forget(appId: string): boolean {
    this.#supersede(appId)
    return this.#known.delete(appId.toLowerCase())
  }

  #supersede(appId: string): void {
    const key = appId.toLowerCase()
    this.#generation.set(key, (this.#generation.get(key) ?? 0) + 1)
    const spellings = [...this.#unknown.keys(), ...this.#flights.keys()].filter((spelling) => spelling.toLowerCase() === key)
    for (const spelling of spellings) {
      this.#unknown.delete(spelling)
      this.#flights.delete(spelling)
    }
  }

  #remember(exApp: ExApp): void {
    this.#known.set(exApp.id.toLowerCase(), { exApp, fetchedAt: this.#options.now() })
    this.#options.onRecord?.(exApp)
  }

  #look(appId: string): Promise<ExApp | undefined> {
    const running = this.#flights.get(appId)
    if (running) return running
    const flight: Promise<ExApp | undefined> = this.#fetch(appId).finally(() => {
      if (this.#flights.get(appId) === flight) this.#flights.delete(appId)
    })
    this.#flights.set(appId, flight)
    return flight
  }

  async #fetch(appId: string): Promise<ExApp | undefined> {
    const key = appId.toLowerCase()
    const generation = this.#generation.get(key)
    const found = (await this.#options.fetch(appId)) ?? (key === appId ? undefined : await this.#options.fetch(key))
    if (this.#generation.get(key) !== generation) return this.#known.get(key)?.exApp ?? found
    if (found) this.#remember(found)
    else {
      this.#unknown.set(appId, true)
      // Another spelling of the id may have been found meanwhile; that this one is unknown says nothing about it.
      if (this.#known.get(key)?.exApp.id === appId) this.#known.delete(key)
    }
    return found
  }
}
