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
  readonly #limits: AdmissionLimits
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#total
  }

  /**
   * Counts one connection until it leaves; calls `expire` when that takes too long. Without an address it counts in the total
   * only: a proxy that has not said yet whom it speaks for.
   * @throws ConnectionRefusedError when there are too many
   */
  admit(address: string | undefined, expire: () => void): Admitted {
    if (this.#total >= this.#limits.unauthenticatedConnections) {
      throw new ConnectionRefusedError('limit', 'too many connections without login')
    }
    let counted = address
    if (counted !== undefined) this.#count(counted)
    this.#total += 1
    let isIn = true
    const timer = setTimeout(expire, this.#limits.unauthenticatedMs)
    return {
      countAs: (next) => {
        if (!isIn || next === counted) return
        this.#count(next)
        this.#uncount(counted)
        counted = next
      },
      leave: () => {
        if (!isIn) return
        isIn = false
        clearTimeout(timer)
        this.#total -= 1
        this.#uncount(counted)
      },
    }
  }

  #count(address: string): void {
    const fromAddress = this.#byAddress.get(address) ?? 0
    if (fromAddress >= this.#limits.unauthenticatedConnectionsPerAddress) {
      throw new ConnectionRefusedError('limit', 'too many connections without login from one address')
    }
    this.#byAddress.set(address, fromAddress + 1)
  }

  #uncount(address: string | undefined): void {
    if (address === undefined) return
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}
