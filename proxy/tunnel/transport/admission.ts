import { peerBlock } from '../../address.ts'
import { Quota } from '../../quota.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'

type AdmissionLimits = Pick<TunnelLimits, 'unauthenticatedConnections' | 'unauthenticatedConnectionsPerAddress' | 'unauthenticatedMs'>

/** Ends a connection; `because` says why when it was not for the time it took. */
export type EndConnection = (because?: ConnectionRefusedError) => void

/** Counts the connections that have not logged in yet, so that strangers cannot use up sockets and handshakes, nor keep them. */
export class Admission {
  readonly #expireMs: number
  readonly #quota: Quota
  /** In the order in which they came; each makes room for another. */
  readonly #waiting = new Set<() => void>()

  constructor({ unauthenticatedConnections: total, unauthenticatedConnectionsPerAddress: perKey, unauthenticatedMs }: AdmissionLimits) {
    this.#expireMs = unauthenticatedMs
    this.#quota = new Quota(() => ({ total, perKey }))
  }

  get count(): number {
    return this.#quota.total
  }

  /**
   * Counts one connection until the returned function is called; calls `end` when that takes too long. Where there are too many,
   * the oldest is ended: a client that can log in does so at once, so a crowd that only waits keeps nobody out.
   * @throws ConnectionRefusedError when there are too many from one address
   */
  admit(address: string, end: EndConnection): () => void {
    const peer = peerBlock(address)
    let taken = this.#quota.take(peer)
    if (taken === 'total') {
      const [makeRoom] = this.#waiting
      makeRoom?.()
      taken = this.#quota.take(peer)
    }
    if (taken !== 'taken') {
      throw new ConnectionRefusedError('limit', 'too many connections without login from one address', { limit: 'frp_connections_without_login_per_address' })
    }
    const leave = (): void => {
      if (!this.#waiting.delete(makeRoom)) return
      clearTimeout(timer)
      this.#quota.release(peer)
    }
    const makeRoom = (): void => {
      leave()
      end(new ConnectionRefusedError('limit', 'too many connections without login, and it was the oldest', { limit: 'frp_connections_without_login' }))
    }
    const timer = setTimeout(end, this.#expireMs)
    this.#waiting.add(makeRoom)
    return leave
  }
}
