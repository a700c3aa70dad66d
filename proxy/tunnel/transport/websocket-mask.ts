const MASK_BYTES = 4
const WORD_BYTES = 4

/** Undoes the masking of a frame's payload where it lies, from its byte number `position` on (RFC 6455 §5.3). */
export function unmask(bytes: Uint8Array, mask: Uint8Array, position: number): void {
  const toBoundary = -bytes.byteOffset & (WORD_BYTES - 1)
  const words = Math.max(0, bytes.length - toBoundary) >> 2
  if (words === 0) {
    unmaskBytes(bytes, mask, position)
    return
  }
  // Four bytes at a time, several times as fast: with a websocket every byte of an upload comes through here.
  const end = toBoundary + words * WORD_BYTES
  unmaskBytes(bytes.subarray(0, toBoundary), mask, position)
  unmaskWords(new Uint32Array(bytes.buffer, bytes.byteOffset + toBoundary, words), mask, position + toBoundary)
  unmaskBytes(bytes.subarray(end), mask, position + end)
}

function unmaskBytes(bytes: Uint8Array, mask: Uint8Array, position: number): void {
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = (bytes[index] ?? 0) ^ (mask[(position + index) % MASK_BYTES] ?? 0)
  }
}

function unmaskWords(words: Uint32Array, mask: Uint8Array, position: number): void {
  const rotated = Uint8Array.from(mask, (_byte, index) => mask[(position + index) % MASK_BYTES] ?? 0)
  const [word = 0] = new Uint32Array(rotated.buffer)
  for (let index = 0; index < words.length; index += 1) words[index] = (words[index] ?? 0) ^ word
}
