import { peerBlock } from '../../address.ts'
import { Quota } from '../../quota.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'

type AdmissionLimits = Pick<TunnelLimits, 'unauthenticatedConnections' | 'unauthenticatedConnectionsPerAddress' | 'unauthenticatedMs'>

/** Ends a connection; `because` says why when it was not for the time it took. */
export type EndConnection = (because?: ConnectionRefusedError) => void

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
   * Counts one connection until it leaves; calls `end` when that takes too long. Where there are too many, the oldest is ended: a
   * client that can log in does so at once, so a crowd that only waits keeps nobody out. Without an address it counts in the
   * total only: a proxy that has not said yet whom it speaks for.
   * @throws ConnectionRefusedError when there are too many from one address
   */
  admit(address: string | undefined, end: EndConnection): Admitted {
    let block = address === undefined ? undefined : peerBlock(address)
    this.#take(block)
    const leave = (): void => {
      if (!this.#waiting.delete(makeRoom)) return
      clearTimeout(timer)
      this.#quota.release(block)
    }
    const makeRoom = (): void => {
      leave()
      end(new ConnectionRefusedError('limit', 'too many connections without login, and it was the oldest', { limit: 'frp_connections_without_login' }))
    }
    const timer = setTimeout(end, this.#expireMs)
    this.#waiting.add(makeRoom)
    return {
      leave,
      countAs: (next) => {
        const nextBlock = peerBlock(next)
        if (nextBlock === block || !this.#waiting.has(makeRoom)) return
        this.#quota.release(block) // first: its own place in the total is the room it needs
        block = nextBlock
        if (this.#quota.take(nextBlock) === 'taken') return
        this.#waiting.delete(makeRoom) // whoever is refused counts no more
        clearTimeout(timer)
        throw tooManyFromOneAddress()
      },
    }
  }

  #take(block: string | undefined): void {
    let taken = this.#quota.take(block)
    if (taken === 'total') {
      const [makeRoom] = this.#waiting
      makeRoom?.()
      taken = this.#quota.take(block)
    }
    if (taken !== 'taken') throw tooManyFromOneAddress()
  }
}

const tooManyFromOneAddress = (): ConnectionRefusedError =>
  new ConnectionRefusedError('limit', 'too many connections without login from one address', { limit: 'frp_connections_without_login_per_address' })
