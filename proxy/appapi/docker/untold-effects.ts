import { LRUCache } from 'lru-cache'

/** Containers at once whose caller was left without an answer; the oldest is forgotten first. */
const maxContainers = 1_000

/** What a call may have done before its engine was lost. */
export type Effect = 'created' | 'started'

/**
 * What we have done on engines, perhaps, without being able to tell the caller. AppAPI takes "exists already" and "was running
 * already" for failures (its contract §3.1), so the same call made again has to know that it was itself.
 */
export class UntoldEffects {
  readonly #known = new LRUCache<string, ReadonlySet<Effect>>({ max: maxContainers })

  /** Before the engine is asked: its answer may never come. */
  note(key: string, effect: Effect): void {
    this.#known.set(key, new Set([...(this.#known.get(key) ?? []), effect]))
  }

  has(key: string, effect: Effect): boolean {
    return this.#known.get(key)?.has(effect) ?? false
  }

  /** The caller was told, or it is no longer so. */
  settle(key: string, ...effects: readonly Effect[]): void {
    const left = [...(this.#known.get(key) ?? [])].filter((effect) => !effects.includes(effect))
    if (left.length > 0) this.#known.set(key, new Set(left))
    else this.#known.delete(key)
  }
}
