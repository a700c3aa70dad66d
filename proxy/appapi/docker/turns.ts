import { ExAppBusyError } from './errors.ts'

/** Calls that may stand behind the one that runs: AppAPI makes them one after the other, so a longer line is a loop somewhere. */
const maxWaiting = 8

/** Longer than any call but the copying of certificates into an image that starts and stops slowly. */
const maxWaitMs = 60_000

export interface TurnsOptions {
  readonly maxWaiting?: number
  readonly maxWaitMs?: number
}

/** Lets calls that change one ExApp on one engine happen one after the other, in the order they came. Others do not wait for them. */
export class Turns {
  /** Whoever has a turn has an entry, with those who wait behind it. */
  readonly #lines = new Map<string, (() => void)[]>()
  readonly #maxWaiting: number
  readonly #maxWaitMs: number

  constructor(options: TurnsOptions = {}) {
    this.#maxWaiting = options.maxWaiting ?? maxWaiting
    this.#maxWaitMs = options.maxWaitMs ?? maxWaitMs
  }

  /** Does the work when it is its turn. Throws `ExAppBusyError` when that does not come. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    await this.#turn(key)
    try {
      return await work()
    } finally {
      this.#pass(key)
    }
  }

  #turn(key: string): Promise<void> {
    const line = this.#lines.get(key)
    if (!line) {
      this.#lines.set(key, [])
      return Promise.resolve()
    }
    if (line.length >= this.#maxWaiting) {
      return Promise.reject(new ExAppBusyError(`${line.length} other calls for this ExApp wait already; try again later`))
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        line.splice(line.indexOf(begin), 1)
        reject(new ExAppBusyError(`another call for this ExApp is still running after ${this.#maxWaitMs / 1000} s; try again later`))
      }, this.#maxWaitMs)
      line.push(begin)
    })
  }

  #pass(key: string): void {
    const next = this.#lines.get(key)?.shift()
    if (next) next()
    else this.#lines.delete(key)
  }
}
