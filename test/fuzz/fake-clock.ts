type Call = (...args: unknown[]) => void

/** What `setTimeout` gives here: as much of Node's as the code under test uses. */
interface FakeTimer {
  readonly call: () => void
  readonly ms: number
  readonly repeats: boolean
  ref(): FakeTimer
  unref(): FakeTimer
  refresh(): FakeTimer
}

/** Takes the place of timers and of `performance.now()` until disposed: a run is the same each time, and waiting costs nothing. */
export class FakeClock implements Disposable {
  #now = 0
  readonly #dueAt = new Map<FakeTimer, number>()
  readonly #restore: () => void

  constructor() {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis
    const now = performance.now.bind(performance)
    this.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval })
      Object.assign(performance, { now })
    }
    const set = (repeats: boolean) => (call: Call, ms = 1, ...args: unknown[]): FakeTimer => this.#set(() => call(...args), ms, repeats)
    const clear = (timer: FakeTimer): void => void this.#dueAt.delete(timer)
    Object.assign(globalThis, { setTimeout: set(false), clearTimeout: clear, setInterval: set(true), clearInterval: clear })
    Object.assign(performance, { now: () => this.#now })
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#dueAt.size
  }

  /** Lets time pass; what is due happens in order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (let next = this.#earliest(until); next; next = this.#earliest(until)) {
      const [timer, at] = next
      this.#now = at
      if (timer.repeats) this.#dueAt.set(timer, at + timer.ms)
      else this.#dueAt.delete(timer)
      timer.call()
    }
    this.#now = until
  }

  [Symbol.dispose](): void {
    this.#restore()
  }

  #set(call: () => void, ms: number, repeats: boolean): FakeTimer {
    const timer: FakeTimer = {
      call,
      ms,
      repeats,
      ref: () => timer,
      unref: () => timer,
      refresh: () => {
        this.#dueAt.set(timer, this.#now + ms)
        return timer
      },
    }
    return timer.refresh()
  }

  #earliest(until: number): readonly [FakeTimer, number] | undefined {
    let found: readonly [FakeTimer, number] | undefined
    for (const entry of this.#dueAt) if (entry[1] <= until && (!found || entry[1] < found[1])) found = entry
    return found
  }
}
