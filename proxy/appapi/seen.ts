/** When AppAPI was seen last: what tells an admin that the registration in Nextcloud works. Times are milliseconds since 1970. */
export class AppApiSeen {
  readonly #now: () => number
  #lastSeen: number | undefined
  #wrongKeySeen: number | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  get lastSeen(): number | undefined {
    return this.#lastSeen
  }

  get wrongKeySeen(): number | undefined {
    return this.#wrongKeySeen
  }

  /** A call of the control API came, with a valid key or not. */
  readonly called = (hasKey: boolean): void => {
    if (hasKey) this.#lastSeen = this.#now()
    else this.#wrongKeySeen = this.#now()
  }
}
