import type { OnLimit } from '../../limit-reached.ts'

/** One session may take this part of the whole: a client that floods us must leave the others theirs. */
const SESSION_SHARE = 1 / 4

/** Windows grow up to this part of either: what is only promised must not cost those streams whose bytes are here. */
const LENDING_SHARE = 1 / 2

/** When this part of that is in use, windows that their readers do not need are taken back. */
const SCARCE_SHARE = LENDING_SHARE / 2

/** Who keeps bytes that arrived and that nobody has read yet. */
export interface Holder {
  /** Lets go of them, and ends what they were for. */
  giveUp(): void
}

export interface ReceiveMemoryOptions {
  /** For all sessions together; read at each use, it may change while running. */
  readonly limitBytes: () => number
  readonly onLimit: OnLimit
}

/**
 * What the streams of all sessions hold unread, against one limit.
 *
 * yamux grants every stream 256 KiB before anybody is asked, and nobody may be kept waiting for somebody else's reader: so
 * bytes are taken as long as there is room, and then the stream that holds most is given up. Its reader stands still for longest,
 * or its peer sends most; whoever reads what comes never holds much. More than the initial window is only lent while there is plenty.
 */
export class ReceiveMemory {
  readonly #options: ReceiveMemoryOptions
  /** Those that hold something now. */
  readonly #sessions = new Set<SessionMemory>()
  #held = 0
  #lent = 0

  constructor(options: ReceiveMemoryOptions) {
    this.#options = options
  }

  get heldBytes(): number {
    return this.#held
  }

  get limitBytes(): number {
    return this.#options.limitBytes()
  }

  newSession(): SessionMemory {
    return new SessionMemory(this)
  }

  /** For `SessionMemory`: what it holds has changed by so much. */
  change(session: SessionMemory, bytes: number): void {
    this.#held += bytes
    if (session.heldBytes > 0) this.#sessions.add(session)
    else this.#sessions.delete(session)
    if (bytes <= 0) return
    if (session.heldBytes > this.limitBytes * SESSION_SHARE) {
      this.#options.onLimit('frp_memory_per_session')
      session.giveUpLargest()
    }
    if (this.#held > this.limitBytes) {
      this.#options.onLimit('frp_memory')
      largest(this.#sessions, ({ heldBytes }) => heldBytes)?.giveUpLargest()
    }
  }

  /** For `SessionMemory`: whether a window may grow by so much, which then counts. */
  lend(session: SessionMemory, bytes: number): boolean {
    if (this.#exceeds(session, bytes, LENDING_SHARE)) return false
    this.#lent += bytes
    return true
  }

  /** For `SessionMemory`. */
  isScarceFor(session: SessionMemory): boolean {
    return this.#exceeds(session, 0, SCARCE_SHARE)
  }

  /** For `SessionMemory`: a window that had grown is small again, or gone. */
  takeBack(bytes: number): void {
    this.#lent -= bytes
  }

  /** Whether so much more would be beyond this part of all, or of what the session may have. */
  #exceeds(session: SessionMemory, bytes: number, part: number): boolean {
    const share = this.limitBytes * part
    return this.#held + this.#lent + bytes > share || session.heldBytes + session.lentBytes + bytes > share * SESSION_SHARE
  }
}

/** One session's part of it. */
export class SessionMemory {
  readonly #all: ReceiveMemory
  readonly #holders = new Map<Holder, number>()
  #held = 0
  #lent = 0

  constructor(all: ReceiveMemory) {
    this.#all = all
  }

  get heldBytes(): number {
    return this.#held
  }

  get lentBytes(): number {
    return this.#lent
  }

  /** What this holder keeps now; too much makes somebody, perhaps itself, give up before this returns. */
  hold(holder: Holder, bytes: number): void {
    const change = bytes - (this.#holders.get(holder) ?? 0)
    if (change === 0) return
    if (bytes > 0) this.#holders.set(holder, bytes)
    else this.#holders.delete(holder)
    this.#held += change
    this.#all.change(this, change)
  }

  get isScarce(): boolean {
    return this.#all.isScarceFor(this)
  }

  lend(bytes: number): boolean {
    if (!this.#all.lend(this, bytes)) return false
    this.#lent += bytes
    return true
  }

  takeBack(bytes: number): void {
    this.#lent -= bytes
    this.#all.takeBack(bytes)
  }

  giveUpLargest(): void {
    const entry = largest(this.#holders, ([, bytes]) => bytes)
    entry?.[0].giveUp()
  }
}

/** The first of the largest. */
function largest<T>(items: Iterable<T>, sizeOf: (item: T) => number): T | undefined {
  let found: T | undefined
  let most = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (size <= most) continue
    found = item
    most = size
  }
  return found
}
