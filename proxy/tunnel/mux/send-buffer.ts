/** What an application wrote to a stream and has not been sent yet: given out in pieces of any size, without copying. */
export class SendBuffer {
  #chunks: Buffer[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Takes over a write; the one before has been sent. */
  put(chunks: Buffer[]): void {
    this.#chunks = chunks
    this.#length = 0
    for (const chunk of chunks) this.#length += chunk.length
  }

  /** Takes out the oldest bytes, at most as many as there are, as subarrays of what was written. */
  take(bytes: number): Buffer[] {
    this.#length -= bytes
    let left = bytes
    let whole = 0
    for (const chunk of this.#chunks) {
      if (chunk.length > left) break
      left -= chunk.length
      whole += 1
    }
    const taken = this.#chunks.splice(0, whole)
    const next = this.#chunks[0]
    if (next !== undefined && left > 0) {
      taken.push(next.subarray(0, left))
      this.#chunks[0] = next.subarray(left)
    }
    return taken
  }

  clear(): void {
    this.put([])
  }
}
