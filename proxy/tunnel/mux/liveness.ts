import { pingRequest } from './encoder.ts'
import { KeepAliveTimeoutError } from './errors.ts'
import type { FrameHeader } from './frame.ts'
import type { MuxLimits } from './limits.ts'

/** What the pings need of their session. */
export interface LivenessHost {
  bytesReceived(): number
  sendControl(header: FrameHeader): void
  fail(error: Error): void
}

interface PendingPing {
  readonly timer: NodeJS.Timeout
  readonly settle: (isAnswered: boolean) => void
}

/** Ping ids are 32 bits wide and start over. */
const PING_IDS = 2 ** 32

/** Sends pings, regularly and on demand, and ends the session of a peer that is gone. */
export class Liveness {
  readonly #host: LivenessHost
  readonly #limits: MuxLimits
  readonly #pending = new Map<number, PendingPing>()
  readonly #interval: NodeJS.Timeout
  #nextId = 0
  #isChecking = false
  #isClosed = false

  constructor(host: LivenessHost, limits: MuxLimits) {
    this.#host = host
    this.#limits = limits
    this.#interval = setInterval(() => void this.#check(), limits.keepAliveIntervalMs)
    this.#interval.unref()
  }

  /** Whether the peer answered a new ping within the time; false too when the session closes meanwhile. */
  ping(timeoutMs: number): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    const id = this.#nextId
    this.#nextId = (id + 1) % PING_IDS
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        clearTimeout(timer)
        this.#pending.delete(id)
        resolve(isAnswered)
      }
      const timer = setTimeout(settle, timeoutMs, false)
      timer.unref()
      this.#pending.set(id, { timer, settle })
      this.#host.sendControl(pingRequest(id))
    })
  }

  /** Takes a reply; one that answers no ping of ours is ignored. */
  receiveReply(id: number): void {
    this.#pending.get(id)?.settle(true)
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#interval)
    for (const { settle } of this.#pending.values()) settle(false)
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    const receivedBefore = this.#host.bytesReceived()
    const isAnswered = await this.ping(this.#limits.keepAliveTimeoutMs)
    this.#isChecking = false
    // On a slow link the reply waits behind the peer's own data: bytes that came meanwhile prove life as well.
    if (isAnswered || this.#isClosed || this.#host.bytesReceived() > receivedBefore) return
    this.#host.fail(new KeepAliveTimeoutError(this.#limits.keepAliveTimeoutMs))
  }
}
