/** How often a watch looks, as a part of its limit: it strikes at most this much late. */
const looksPerLimit = 10

/** Strikes when nothing has moved for some time. No timer work per movement. */
export class IdleWatch {
  readonly #onIdle: () => void
  #hasMoved = false
  #timer: NodeJS.Timeout | undefined

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** Says that something moved. */
  readonly moved = (): void => {
    this.#hasMoved = true
  }

  /** Begins anew, with this limit in milliseconds. `isBusy` is asked at each look and counts as movement. */
  start(limitMs: number, isBusy: () => boolean = () => false): void {
    this.stop()
    this.#hasMoved = false
    let idleSince = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      if (this.#hasMoved || isBusy()) idleSince = now
      this.#hasMoved = false
      if (now - idleSince >= limitMs) this.#onIdle()
    }, Math.max(10, limitMs / looksPerLimit))
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
