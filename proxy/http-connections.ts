import { type BlockList, type Socket } from 'node:net'
import { normalizeAddress, peerBlock } from './address.ts'
import type { OnLimit } from './limit-reached.ts'
import { Quota } from './quota.ts'
import { isTrusted } from './request/client-address.ts'

/** One address has this part of what there is at most, so that it takes several to shut everybody else out. */
export const addressShare = 1 / 2

export interface HttpConnectionsOptions {
  /** HTTP and HTTPS together; read at each use. */
  readonly max: () => number
  /** Their connections are other people's: only the total counts for them. */
  readonly trustedProxies: () => BlockList
  readonly onLimit: OnLimit
}

/** Counts the visitors' connections from accept to close, whatever is spoken on them. */
export class HttpConnections {
  readonly #options: HttpConnectionsOptions
  readonly #quota: Quota

  constructor(options: HttpConnectionsOptions) {
    this.#options = options
    this.#quota = new Quota(() => ({ total: options.max(), perKey: Math.ceil(options.max() * addressShare) }))
  }

  get count(): number {
    return this.#quota.total
  }

  /** Counts a connection until it closes; false when there are too many and it must not be served. */
  admit(socket: Socket): boolean {
    const key = this.#keyOf(socket)
    const taken = this.#quota.take(key)
    if (taken !== 'taken') {
      this.#options.onLimit(taken === 'total' ? 'http_connections' : 'http_connections_per_address')
      return false
    }
    socket.once('close', () => this.#quota.release(key))
    return true
  }

  #keyOf({ remoteAddress = '' }: Socket): string | undefined {
    const address = normalizeAddress(remoteAddress)
    return address === undefined || isTrusted(address, this.#options.trustedProxies()) ? undefined : peerBlock(address)
  }
}
