import { ReceiveBuffer } from './receive-buffer.ts'
import type { Holder, SessionMemory } from './receive-memory.ts'
import { ReceiveWindow } from './window.ts'

export interface UnreadBytesOptions {
  readonly maxWindowBytes: number
  readonly memory: SessionMemory
  /** Called when others need the memory. */
  readonly onGiveUp: () => void
}

/** What arrived on one stream and nobody has read: kept until it is asked for, counted, and credited to the peer when it was read. */
export class UnreadBytes implements Holder {
  /** Not asked for yet. */
  readonly inbox = new ReceiveBuffer()
  readonly giveUp: () => void
  readonly #memory: SessionMemory
  readonly #window: ReceiveWindow
  #received = 0
  #held = 0
  #isEnded = false

  constructor({ maxWindowBytes, memory, onGiveUp }: UnreadBytesOptions) {
    this.giveUp = onGiveUp
    this.#memory = memory
    this.#window = new ReceiveWindow(maxWindowBytes, memory)
    memory.join(this)
  }

  /** Those that were asked for and not taken included. */
  get heldBytes(): number {
    return this.#held
  }

  get received(): number {
    return this.#received
  }

  /** Books a frame's body before any of it is kept; throws a ProtocolError when the peer was not granted that much. */
  reserve(bytes: number): void {
    this.#window.reserve(bytes)
  }

  /** For each piece of a body that is kept. */
  arrived(bytes: number): void {
    this.#received += bytes
  }

  /** To be called whenever bytes came or went; `asked` are those that were asked for and wait to be taken. Somebody may have to give up. */
  count(asked: number): void {
    if (!this.#isEnded) this.#hold(this.inbox.length + asked)
  }

  /** The credit that is due to the peer for what was read; 0 when it is not yet worth a frame. */
  takeCredit(): number {
    return this.#window.returnFor(this.#received - this.#held, this.#held)
  }

  /** Nobody will read what is left. */
  end(): void {
    this.#isEnded = true
    this.inbox.clear()
    this.#hold(0)
    this.#memory.leave(this)
    this.#window.close()
  }

  #hold(bytes: number): void {
    const change = bytes - this.#held
    this.#held = bytes
    if (change !== 0) this.#memory.change(change)
  }
}
