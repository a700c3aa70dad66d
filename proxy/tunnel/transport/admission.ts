import { peerBlock } from '../../address.ts'
import { Quota } from '../../quota.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'

type AdmissionLimits = Pick<TunnelLimits, 'unauthenticatedConnections' | 'unauthenticatedConnectionsPerAddress' | 'unauthenticatedMs'>

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
   * Counts one connection until the returned function is called; calls `expire` when that takes too long.
   * @throws ConnectionRefusedError when there are too many
   */
  admit(address: string, expire: () => void): () => void {
    const peer = peerBlock(address)
    switch (this.#quota.take(peer)) {
      case 'total':
        throw new ConnectionRefusedError('limit', 'too many connections without login', { limit: 'frp_connections_without_login' })
      case 'per key':
        throw new ConnectionRefusedError('limit', 'too many connections without login from one address', { limit: 'frp_connections_without_login_per_address' })
      case 'taken':
        break
    }
    let isCounted = true
    const timer = setTimeout(expire, this.#expireMs)
    return () => {
      if (!isCounted) return
      isCounted = false
      clearTimeout(timer)
      this.#quota.release(peer)
    }
  }
}
