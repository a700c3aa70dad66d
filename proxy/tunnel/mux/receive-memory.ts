import type { OnLimit } from '../../limit-reached.ts'

/** One session may take this part of the whole: a client that floods us must leave the others theirs. */
export const SESSION_SHARE = 1 / 4

/** Windows grow up to this part of either: what is only promised must not cost those streams whose bytes are here. */
const LENDING_SHARE = 1 / 2

/** When this part of that is in use, windows that their readers do not need are taken back. */
const SCARCE_SHARE = LENDING_SHARE / 2

/** Who keeps bytes that arrived and that nobody has read yet. */
export interface Holder {
  readonly heldBytes: number
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
 * Asked for every chunk that comes and goes: only who has to give up is looked for.
 */
export class ReceiveMemory {
  readonly #options: ReceiveMemoryOptions
  /** Those with holders. */
  readonly #sessions = new Set<SessionMemory>()
  #held = 0
  #lent = 0

  constructor(options: ReceiveMemoryOptions) {
    this.#options = options
  }

  get heldBytes(): number {
    return this.#held
  }

  newSession(): SessionMemory {
    return new SessionMemory(this, this.#sessions)
  }

  /** For `SessionMemory`: what it holds has changed by so much. */
  change(session: SessionMemory, bytes: number): void {
    this.#held += bytes
    if (bytes <= 0) return
    const limitBytes = this.#options.limitBytes()
    if (session.heldBytes > limitBytes * SESSION_SHARE) {
      this.#options.onLimit('frp_memory_per_session')
      session.giveUpLargest()
    }
    if (this.#held > limitBytes) {
      this.#options.onLimit('frp_memory')
      largest(this.#sessions)?.giveUpLargest()
    }
  }

  /** For `SessionMemory`: whether a window may grow by so much, which then counts. */
  lend(session: SessionMemory, bytes: number): boolean {
    if (this.#exceeds(session, bytes, LENDING_SHARE)) return false
    this.#lent += bytes
    return true
  }

  /** For `SessionMemory`: a window that had grown is small again, or gone. */
  takeBack(bytes: number): void {
    this.#lent -= bytes
  }

  /** For `SessionMemory`. */
  isScarceFor(session: SessionMemory): boolean {
    return this.#exceeds(session, 0, SCARCE_SHARE)
  }

  /** Whether so much more would be beyond this part of all, or of what the session may have. */
  #exceeds(session: SessionMemory, bytes: number, part: number): boolean {
    const share = this.#options.limitBytes() * part
    return this.#held + this.#lent + bytes > share || session.heldBytes + session.lentBytes + bytes > share * SESSION_SHARE
  }
}

/** One session's part of it. */
export class SessionMemory {
  readonly #all: ReceiveMemory
  readonly #sessions: Set<SessionMemory>
  readonly #holders = new Set<Holder>()
  #held = 0
  #lent = 0

  constructor(all: ReceiveMemory, sessions: Set<SessionMemory>) {
    this.#all = all
    this.#sessions = sessions
  }

  get heldBytes(): number {
    return this.#held
  }

  get lentBytes(): number {
    return this.#lent
  }

  /** Whether a window should do with less. */
  get isScarce(): boolean {
    return this.#all.isScarceFor(this)
  }

  join(holder: Holder): void {
    this.#holders.add(holder)
    this.#sessions.add(this)
  }

  /** The holder keeps nothing any more, and never will. */
  leave(holder: Holder): void {
    this.#holders.delete(holder)
    if (this.#holders.size === 0) this.#sessions.delete(this)
  }

  /** A holder's `heldBytes` have just changed by so much; too much makes one, perhaps the same, give up before this returns. */
  change(bytes: number): void {
    this.#held += bytes
    this.#all.change(this, bytes)
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
    largest(this.#holders)?.giveUp()
  }
}

/** The first of the largest. */
function largest<T extends { readonly heldBytes: number }>(holders: Iterable<T>): T | undefined {
  let found: T | undefined
  for (const holder of holders) if (holder.heldBytes > (found?.heldBytes ?? 0)) found = holder
  return found
}
