import type { OnLimit } from '../../limit-reached.ts'
import { TunnelBusyError, TunnelNotConnectedError, TunnelUnresponsiveError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'

/** How many work connections a client may have waiting; frps' `maxPoolCount`. */
export const MAX_POOL_COUNT = 5

/** frps keeps this many more than the pool size before it turns work connections away. */
export const POOL_SLACK = 10

/** How long frps waits for a work connection; an ask that is older is taken for lost. */
export const WORK_CONNECTION_TIMEOUT_MS = 10_000

interface Waiter {
  readonly remotePort: number
  resolve(stream: FrpStream): void
  reject(error: unknown): void
}

export interface TakeOptions {
  readonly remotePort: number
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface WorkConnectionsOptions {
  /** What the client wishes to have waiting in advance. */
  readonly poolCount: number
  readonly maxWaiters: number
  /** How many connections may be on their way at once; who waits for more is asked for when one has come. */
  readonly maxAsked: number
  /** Sends one ReqWorkConn and says whether it could. */
  readonly ask: () => boolean
  readonly onLimit: OnLimit
}

/** The streams that one client has opened for requests to come, and the requests that wait for one: both first in, first out. */
export class WorkConnections {
  readonly #poolCount: number
  readonly #maxWaiters: number
  readonly #maxAsked: number
  readonly #ask: () => boolean
  readonly #onLimit: OnLimit
  readonly #idle: { readonly stream: FrpStream; readonly stopWatching: () => void }[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #onIdle: (() => void)[] = []
  readonly #onOffer = new Set<() => void>()
  #askedAt: number[] = []
  #active = 0
  #closedBecause: string | undefined
  #mayAsk = true

  constructor(options: WorkConnectionsOptions) {
    this.#poolCount = Math.min(Math.max(options.poolCount, 0), MAX_POOL_COUNT)
    this.#maxWaiters = options.maxWaiters
    this.#maxAsked = options.maxAsked
    this.#ask = options.ask
    this.#onLimit = options.onLimit
  }

  /** Streams that requests are using. */
  get active(): number {
    return this.#active
  }

  /** Connections that were asked for and may still come. */
  get asked(): number {
    this.#forgetLostAsks()
    return this.#askedAt.length
  }

  /** Asks for the connections that are to wait in advance. */
  fill(): void {
    this.#forgetLostAsks()
    let missing = this.#poolCount + this.#waiters.size - this.#idle.length - this.#askedAt.length
    while (missing > 0 && this.#askForOne()) missing -= 1
  }

  /** Takes in a stream that the client has opened; false when there are enough already. */
  offer(stream: FrpStream): boolean {
    this.#askedAt.shift()
    for (const offered of this.#onOffer) offered()
    if (this.#closedBecause !== undefined) return false
    const [waiter] = this.#waiters
    if (waiter) {
      waiter.resolve(stream)
      this.#activate(stream)
      return true
    }
    if (this.#idle.length >= this.#poolCount + POOL_SLACK) {
      this.#onLimit('frp_idle_work_connections_per_session')
      return false
    }
    this.#keep(stream)
    return true
  }

  /**
   * The stream that has waited longest, or the next one that the client opens.
   * @throws TunnelUnresponsiveError, TunnelBusyError, TunnelNotConnectedError when the session ends, or the signal's reason
   */
  async take(options: TakeOptions): Promise<FrpStream> {
    options.signal?.throwIfAborted()
    const stream = this.#shiftIdle()
    if (!stream) return this.#next(options)
    this.#activate(stream)
    return stream
  }

  /** Asks for one connection and says whether any came within the time. */
  isRequestAnswered(timeoutMs: number): Promise<boolean> {
    this.#askForOne()
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean) => {
        clearTimeout(timer)
        this.#onOffer.delete(offered)
        resolve(isAnswered)
      }
      const offered = () => settle(true)
      const timer = setTimeout(settle, timeoutMs, false)
      this.#onOffer.add(offered)
    })
  }

  /** From here on only connections that are already waiting are given out. */
  stopAsking(): void {
    this.#mayAsk = false
    this.#rejectWaiters('the server is stopping')
  }

  /** Resolves when no request uses a stream of this session. */
  whenIdle(): Promise<void> {
    if (this.#active === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Turns away whoever waits; the streams themselves end with the session. */
  close(reason: string): void {
    this.#closedBecause = reason
    this.#mayAsk = false
    this.#rejectWaiters(reason)
    for (const idle of this.#idle.splice(0)) idle.stopWatching()
  }

  #next({ remotePort, timeoutMs, signal }: TakeOptions): Promise<FrpStream> {
    if (this.#closedBecause !== undefined) throw new TunnelNotConnectedError(remotePort, this.#closedBecause)
    if (!this.#mayAsk) throw new TunnelNotConnectedError(remotePort, 'the server is stopping')
    if (this.#waiters.size >= this.#maxWaiters) {
      throw new TunnelBusyError('frp_requests_waiting_per_session', `too many requests wait for a work connection of the tunnel on remote port ${remotePort}`)
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#waiters.delete(waiter)
      }
      const waiter: Waiter = {
        remotePort,
        resolve: (stream) => {
          settle()
          resolve(stream)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      const onAbort = () => waiter.reject(signal?.reason)
      const timer = setTimeout(() => {
        waiter.reject(new TunnelUnresponsiveError(remotePort, `frpc opened no work connection within ${timeoutMs} ms`))
      }, timeoutMs)
      signal?.addEventListener('abort', onAbort)
      this.#waiters.add(waiter)
      // Always, whatever was asked before: frpc gives up on a work connection that it cannot open, without a word.
      this.#askForOne()
    })
  }

  #forgetLostAsks(): void {
    const since = performance.now() - WORK_CONNECTION_TIMEOUT_MS
    this.#askedAt = this.#askedAt.filter((askedAt) => askedAt > since)
  }

  #askForOne(): boolean {
    if (this.#askedAt.length >= this.#maxAsked) this.#forgetLostAsks()
    if (!this.#mayAsk || this.#askedAt.length >= this.#maxAsked || !this.#ask()) return false
    this.#askedAt.push(performance.now())
    return true
  }

  #keep(stream: FrpStream): void {
    // A client is silent until StartWorkConn: whatever becomes readable before that is the end, or a breach.
    const drop = () => {
      stopWatching()
      const index = this.#idle.findIndex((idle) => idle.stream === stream)
      if (index !== -1) this.#idle.splice(index, 1)
      stream.destroy()
    }
    const stopWatching = () => stream.off('readable', drop).off('close', drop)
    this.#idle.push({ stream, stopWatching })
    stream.on('readable', drop).on('close', drop)
  }

  #shiftIdle(): FrpStream | undefined {
    const idle = this.#idle.shift()
    idle?.stopWatching()
    return idle?.stream
  }

  #activate(stream: FrpStream): void {
    this.#active += 1
    stream.once('close', () => {
      this.#active -= 1
      if (this.#active === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
    })
    this.fill()
  }

  #rejectWaiters(reason: string): void {
    for (const waiter of this.#waiters) waiter.reject(new TunnelNotConnectedError(waiter.remotePort, reason))
  }
}
