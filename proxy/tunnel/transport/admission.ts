import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'

type AdmissionLimits = Pick<TunnelLimits, 'unauthenticatedConnections' | 'unauthenticatedConnectionsPerAddress' | 'unauthenticatedMs'>

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
   * Counts one connection until the returned function is called; calls `expire` when that takes too long.
   * @throws ConnectionRefusedError when there are too many
   */
  admit(address: string, expire: () => void): () => void {
    const fromAddress = this.#byAddress.get(address) ?? 0
    if (this.#total >= this.#limits.unauthenticatedConnections) {
      throw new ConnectionRefusedError('limit', 'too many connections without login')
    }
    if (fromAddress >= this.#limits.unauthenticatedConnectionsPerAddress) {
      throw new ConnectionRefusedError('limit', 'too many connections without login from one address')
    }
    this.#total += 1
    this.#byAddress.set(address, fromAddress + 1)
    let isCounted = true
    const timer = setTimeout(expire, this.#limits.unauthenticatedMs)
    return () => {
      if (!isCounted) return
      isCounted = false
      clearTimeout(timer)
      this.#total -= 1
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
    }
  }
}
