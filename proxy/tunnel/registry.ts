import { Quota } from '../quota.ts'
import { TunnelBusyError, TunnelNotConnectedError } from './errors.ts'
import type { FrpStream } from './frp-stream.ts'
import type { TunnelIdentity } from './tokens.ts'

/** A tunnel that a client serves now; the counters are those of its session, read when asked. */
export interface LiveTunnel {
  readonly remotePort: number
  readonly proxyName: string
  readonly owner: TunnelIdentity
  /** The address that the client connected from, without port. */
  readonly clientAddress: string
  /** What the client says it is, such as `0.61.1`. */
  readonly clientVersion: string
  /** Milliseconds since 1970. */
  readonly connectedAt: number
  readonly openStreams: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** What `dial.ts` and a newcomer's claim need of a tunnel beyond what everybody may see. */
export interface RegisteredTunnel extends LiveTunnel {
  /**
   * A work stream that carries this tunnel's bytes from now on.
   * @throws TunnelUnresponsiveError, TunnelNotConnectedError when it is lost meanwhile, or the signal's reason
   */
  open(options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined }): Promise<FrpStream>
  /** Whether its client answers now. */
  isAlive(): Promise<boolean>
  /** Ends its client's session, unless that has given the tunnel up; its name and port are free when this returns. */
  evict(reason: string): void
}

/** How long after a loss its owner is expected back: frpc's longest pause between two tries is 20 s, and it may fail twice. */
const RECONNECT_WINDOW_MS = 60_000

/** How long after our start any tunnel may still be on its way here. */
const START_UP_WINDOW_MS = 30_000

export interface TunnelRegistryOptions {
  /** A clock in milliseconds that never goes back. */
  readonly now?: () => number
  /** Requests that may wait for tunnels to come back: all together, and for one tunnel. */
  readonly maxWaiters?: number
  readonly maxWaitersPerTunnel?: number
}

interface Waiter {
  resolve(tunnel: RegisteredTunnel): void
  reject(error: unknown): void
}

export interface AwaitTunnelOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** Remote port to live tunnel: the only state that requests and tunnels share. */
export class TunnelRegistry {
  readonly #now: () => number
  readonly #quota: Quota
  readonly #startedAt: number
  readonly #byPort = new Map<number, RegisteredTunnel>()
  readonly #byName = new Map<string, RegisteredTunnel>()
  // Only ports that may be claimed get in here, so it cannot grow beyond their number.
  readonly #lostAt = new Map<number, number>()
  readonly #waiters = new Map<number, Set<Waiter>>()
  #isStopped = false

  constructor({ now = () => performance.now(), maxWaiters = Infinity, maxWaitersPerTunnel = Infinity }: TunnelRegistryOptions = {}) {
    this.#now = now
    this.#quota = new Quota(() => ({ total: maxWaiters, perKey: maxWaitersPerTunnel }))
    this.#startedAt = now()
  }

  /** Requests that wait for tunnels now. */
  get waiterCount(): number {
    return this.#quota.total
  }

  get(remotePort: number): RegisteredTunnel | undefined {
    return this.#byPort.get(remotePort)
  }

  list(): readonly LiveTunnel[] {
    return [...this.#byPort.values()].sort((one, other) => one.remotePort - other.remotePort)
  }

  /** Whether a caller should wait rather than fail: it is live, was so until a moment ago, or we have only just started. */
  isExpected(remotePort: number): boolean {
    if (this.#byPort.has(remotePort)) return true
    if (this.#isStopped) return false
    const now = this.#now()
    const lostAt = this.#lostAt.get(remotePort)
    return now - this.#startedAt < START_UP_WINDOW_MS || (lostAt !== undefined && now - lostAt < RECONNECT_WINDOW_MS)
  }

  /**
   * The tunnel on this port, as soon as there is one.
   * @throws TunnelNotConnectedError when none came in time, TunnelBusyError when too many wait already, or the signal's reason
   */
  async awaitTunnel(remotePort: number, { timeoutMs, signal }: AwaitTunnelOptions): Promise<RegisteredTunnel> {
    signal?.throwIfAborted()
    const tunnel = this.#byPort.get(remotePort)
    if (tunnel) return tunnel
    if (this.#isStopped) throw new TunnelNotConnectedError(remotePort, 'the server is stopping')
    this.#takePlace(remotePort)
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#removeWaiter(remotePort, waiter)
      }
      const waiter: Waiter = {
        resolve: (found) => {
          settle()
          resolve(found)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      const onAbort = () => waiter.reject(signal?.reason)
      const timer = setTimeout(() => {
        waiter.reject(new TunnelNotConnectedError(remotePort, `no client connected within ${timeoutMs} ms`))
      }, timeoutMs)
      signal?.addEventListener('abort', onAbort)
      this.#addWaiter(remotePort, waiter)
    })
  }

  /** Enters a tunnel, unless its name or port is taken: then the holder is returned and nothing has changed. */
  claim(tunnel: RegisteredTunnel): RegisteredTunnel | undefined {
    const holder = this.#byName.get(tunnel.proxyName) ?? this.#byPort.get(tunnel.remotePort)
    if (holder) return holder
    this.#byPort.set(tunnel.remotePort, tunnel)
    this.#byName.set(tunnel.proxyName, tunnel)
    this.#lostAt.delete(tunnel.remotePort)
    for (const waiter of this.#waiters.get(tunnel.remotePort) ?? []) waiter.resolve(tunnel)
    return undefined
  }

  /** Takes a tunnel out; its name and port are free at once. */
  release(tunnel: RegisteredTunnel): void {
    if (this.#byPort.get(tunnel.remotePort) !== tunnel) return
    this.#byPort.delete(tunnel.remotePort)
    this.#byName.delete(tunnel.proxyName)
    this.#lostAt.set(tunnel.remotePort, this.#now())
  }

  /** From here on nobody waits for a tunnel: no new one will come. */
  stop(): void {
    this.#isStopped = true
    for (const [remotePort, waiters] of this.#waiters) {
      for (const waiter of waiters) waiter.reject(new TunnelNotConnectedError(remotePort, 'the server is stopping'))
    }
  }

  #takePlace(remotePort: number): void {
    switch (this.#quota.take(`${remotePort}`)) {
      case 'total':
        throw new TunnelBusyError('requests_waiting_for_tunnels', 'too many requests wait for tunnels already')
      case 'per key':
        throw new TunnelBusyError('requests_waiting_per_tunnel', `too many requests wait for the tunnel on remote port ${remotePort} already`)
      case 'taken':
    }
  }

  #addWaiter(remotePort: number, waiter: Waiter): void {
    const waiters = this.#waiters.get(remotePort) ?? new Set()
    this.#waiters.set(remotePort, waiters.add(waiter))
  }

  #removeWaiter(remotePort: number, waiter: Waiter): void {
    const waiters = this.#waiters.get(remotePort)
    if (!waiters?.delete(waiter)) return
    this.#quota.release(`${remotePort}`)
    if (waiters.size === 0) this.#waiters.delete(remotePort)
  }
}
