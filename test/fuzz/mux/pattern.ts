/** The byte at this position of a stream that is known by a number: a lost, doubled, swapped or foreign one shows. */
const byteAt = (seed: number, position: number): number => (seed * 131 + position * 31 + (position >> 8) * 7 + (position >> 16) * 3) & 0xff

/** So many bytes from a position on. */
export function patternOf(seed: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index += 1) bytes[index] = byteAt(seed, position + index)
  return bytes
}

/** Whether these are the bytes from that position on. */
export function isPattern(bytes: Buffer, seed: number, position: number): boolean {
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] !== byteAt(seed, position + index)) return false
  return true
}
