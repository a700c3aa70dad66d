import { backoff } from './backoff.ts'

export interface QueueDeps {
  /** Handles one key; what it throws is reported and the key comes again. Gives milliseconds until the key should come again anyway. */
  readonly handle: (key: string, signal: AbortSignal) => Promise<number | undefined>
  readonly onError: (key: string, error: unknown, retryMs: number) => void
  /** How many keys are handled at once. */
  readonly concurrency: number
}

/** From the first failure of a key to the next tries: an admin who has mended something should not wait long. */
const retry = backoff({ firstMs: 500, longestMs: 60_000 })

/** Runs each key at most once at a time; keys that come again meanwhile run once more afterwards. */
export class WorkQueue {
  readonly #deps: QueueDeps
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #again = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #stop = new AbortController()

  constructor(deps: QueueDeps) {
    this.#deps = deps
  }

  /** Keys that wait or run. */
  get depth(): number {
    return this.#waiting.size + this.#running.size
  }

  /** Keys whose last run failed. */
  get failing(): number {
    return this.#failures.size
  }

  /** Runs a key as soon as possible: what made it wait may have changed. */
  add(key: string): void {
    if (this.#stop.signal.aborted) return
    this.#clearTimer(key)
    if (this.#running.has(key)) this.#again.add(key)
    else this.#waiting.add(key)
    this.#next()
  }

  /** Forgets that a key failed and when it was to come again: its object is gone. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#clearTimer(key)
  }

  /** Takes no more keys and waits for those that run, which their signal tells to end. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#waiting.clear()
    for (const key of this.#timers.keys()) this.#clearTimer(key)
    await Promise.all(this.#running.values())
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#deps.concurrency) return
      this.#waiting.delete(key)
      this.#running.set(key, this.#run(key))
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const againMs = await this.#deps.handle(key, this.#stop.signal)
      this.#failures.delete(key)
      if (againMs !== undefined) this.#addLater(key, againMs)
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      const retryMs = retry(failures)
      if (!this.#stop.signal.aborted) this.#deps.onError(key, error, retryMs)
      this.#addLater(key, retryMs)
    }
    this.#running.delete(key)
    if (this.#again.delete(key)) this.add(key)
    else this.#next()
  }

  #addLater(key: string, ms: number): void {
    if (this.#stop.signal.aborted) return
    this.#clearTimer(key)
    this.#timers.set(key, setTimeout(() => this.add(key), ms))
  }

  #clearTimer(key: string): void {
    clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
  }
}
