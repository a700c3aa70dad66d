import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { whenFull } from '../limits.ts'
import type { User, VisitorCredentials } from './client.ts'

export interface SessionCacheOptions {
  readonly fetch: (appId: string, visitor: VisitorCredentials) => Promise<User & { readonly cacheable: boolean }>
  /** How long an answer is believed, from the look-up on; 0: never (HaRP contract §4.3). Read at each use. */
  readonly lifetimeMs: number
  /** Visitors remembered at once; beyond, the one idle longest is forgotten and `onFull` told. */
  readonly maxSessions: number
  readonly onFull: () => void
  readonly now: () => number
}

/**
 * Who a visitor is, for a few seconds. The key covers all cookies and the Authorization header: whoever presents other
 * credentials is another visitor (HaRP looks at one cookie alone, Q16). Only their hash is kept.
 */
export class SessionCache {
  readonly #options: SessionCacheOptions
  readonly #users: LRUCache<string, User>
  readonly #flights = new Map<string, Promise<User>>()

  constructor(options: SessionCacheOptions) {
    this.#options = options
    this.#users = new LRUCache<string, User>({ max: options.maxSessions, dispose: whenFull(options.onFull), ttl: 1, perf: { now: options.now }, ttlResolution: 0 })
  }

  get size(): number {
    this.#users.purgeStale()
    return this.#users.size
  }

  /** Concurrent look-ups of one visitor share one call. Throws what `fetch` throws; errors are not remembered. */
  find(appId: string, visitor: VisitorCredentials, hasSession: boolean): User | Promise<User> {
    const key = hash('sha256', JSON.stringify([visitor.cookies, visitor.authorization]), 'base64')
    const remembered = hasSession ? this.#users.get(key) : undefined
    if (remembered) return remembered
    const running = this.#flights.get(key)
    if (running) return running
    const flight = this.#fetch(key, appId, visitor, hasSession).finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async #fetch(key: string, appId: string, visitor: VisitorCredentials, hasSession: boolean): Promise<User> {
    const { cacheable, ...user } = await this.#options.fetch(appId, visitor)
    // A password sent with each request is asked anew each time: it may have been withdrawn, and there is no session to speak of.
    const { lifetimeMs } = this.#options
    if (cacheable && hasSession && lifetimeMs > 0) this.#users.set(key, user, { ttl: lifetimeMs })
    return user
  }
}
