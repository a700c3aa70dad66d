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

  /** A call of the control API came with a valid key. */
  withKey(): void {
    this.#lastSeen = this.#now()
  }

  /** One came with a key, and not a valid one. */
  withWrongKey(): void {
    this.#wrongKeySeen = this.#now()
  }
}
