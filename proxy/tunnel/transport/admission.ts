import { peerBlock } from '../../address.ts'
import { Quota } from '../../quota.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'

type AdmissionLimits = Pick<TunnelLimits, 'unauthenticatedConnections' | 'unauthenticatedConnectionsPerAddress' | 'unauthenticatedMs'>

/** A connection that is counted. */
export interface Admitted {
  /** It is another address's, as its proxy says. @throws ConnectionRefusedError when that one has too many */
  countAs(address: string): void
  /** It has logged in, or is over. */
  leave(): void
}

/** Counts the connections that have not logged in yet, so that strangers cannot use up sockets and handshakes, nor keep them. */
export class Admission {
  readonly #expireMs: number
  readonly #quota: Quota

  constructor({ unauthenticatedConnections: total, unauthenticatedConnectionsPerAddress: perKey, unauthenticatedMs }: AdmissionLimits) {
    this.#expireMs = unauthenticatedMs
    this.#quota = new Quota(() => ({ total, perKey }))
  }

  get count(): number {
    return this.#quota.total
  }

  /**
   * Counts one connection until it leaves; calls `expire` when that takes too long. Without an address it counts in the total
   * only: a proxy that has not said yet whom it speaks for.
   * @throws ConnectionRefusedError when there are too many
   */
  admit(address: string | undefined, expire: () => void): Admitted {
    let counted = address === undefined ? undefined : peerBlock(address)
    this.#take(counted)
    let isIn = true
    const timer = setTimeout(expire, this.#expireMs)
    return {
      countAs: (next) => {
        const block = peerBlock(next)
        if (!isIn || block === counted) return
        this.#quota.release(counted)
        isIn = false // whoever is refused counts no more
        this.#take(block)
        isIn = true
        counted = block
      },
      leave: () => {
        clearTimeout(timer)
        if (!isIn) return
        isIn = false
        this.#quota.release(counted)
      },
    }
  }

  #take(block: string | undefined): void {
    switch (this.#quota.take(block)) {
      case 'total':
        throw new ConnectionRefusedError('limit', 'too many connections without login', { limit: 'frp_connections_without_login' })
      case 'per key':
        throw new ConnectionRefusedError('limit', 'too many connections without login from one address', { limit: 'frp_connections_without_login_per_address' })
      case 'taken':
    }
  }
}
