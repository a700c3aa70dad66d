/** Payloads below this are merged, so that a peer's many tiny frames cost the bytes they carry and not an object each. */
const MERGE_BELOW_BYTES = 4096

/** A merged block stops growing here and a new one begins: growing copies what is already there. */
const MAX_BLOCK_BYTES = 16_384

const MIN_BLOCK_BYTES = 512

/** What arrived for a stream and was not asked for yet, in order; bounded by the receive window that its owner keeps. */
export class ReceiveBuffer {
  #chunks: Buffer[] = []
  #block: Buffer = Buffer.alloc(0)
  #blockUsed = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  add(bytes: Buffer): void {
    this.#length += bytes.length
    if (bytes.length >= MERGE_BELOW_BYTES) {
      this.#closeBlock()
      this.#chunks.push(bytes)
      return
    }
    if (this.#blockUsed + bytes.length > MAX_BLOCK_BYTES) this.#closeBlock()
    this.#reserve(this.#blockUsed + bytes.length)
    this.#blockUsed += bytes.copy(this.#block, this.#blockUsed)
  }

  /** Takes out the oldest bytes, as many as lie together. */
  shift(): Buffer | undefined {
    if (this.#chunks.length === 0) this.#closeBlock()
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) this.#length -= chunk.length
    return chunk
  }

  clear(): void {
    this.#chunks = []
    this.#block = Buffer.alloc(0)
    this.#blockUsed = 0
    this.#length = 0
  }

  #closeBlock(): void {
    if (this.#blockUsed === 0) return
    this.#chunks.push(this.#block.subarray(0, this.#blockUsed))
    this.#block = Buffer.alloc(0)
    this.#blockUsed = 0
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#block.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, MIN_BLOCK_BYTES, Math.min(this.#block.length * 2, MAX_BLOCK_BYTES)))
    this.#block.copy(grown, 0, 0, this.#blockUsed)
    this.#block = grown
  }
}

/**
 * Frees a small payload from the socket read it arrived in, when that is much larger: otherwise a peer that wraps one byte
 * for us in 64 KiB of other frames makes each byte hold 64 KiB.
 */
export function detached(bytes: Buffer): Buffer {
  if (bytes.length >= MERGE_BELOW_BYTES || bytes.buffer.byteLength <= bytes.length * 8) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
