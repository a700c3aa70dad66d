/** Castagnoli's polynomial with its bits reversed; zlib.crc32 has another one. */
const POLYNOMIAL = 0x82f63b78

const SLICES = 8
const table = makeTable()

/** Row 0 is the classic table; row n continues it over n more zero bytes, so that eight bytes take one step. */
function makeTable(): Uint32Array {
  const rows = new Uint32Array(SLICES * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    rows[byte] = crc
  }
  for (let index = 256; index < rows.length; index += 1) {
    const previous = rows[index - 256] ?? 0
    rows[index] = (previous >>> 8) ^ (rows[previous & 0xff] ?? 0)
  }
  return rows
}

const look = (row: number, byte: number): number => table[(row << 8) | (byte & 0xff)] ?? 0

/** CRC-32C of these bytes, as an unsigned number. */
export function crc32c(bytes: Buffer): number {
  let crc = -1
  let index = 0
  for (; index + SLICES <= bytes.length; index += SLICES) {
    const low = crc ^ bytes.readInt32LE(index)
    const high = bytes.readInt32LE(index + 4)
    crc = look(7, low) ^ look(6, low >>> 8) ^ look(5, low >>> 16) ^ look(4, low >>> 24)
    crc ^= look(3, high) ^ look(2, high >>> 8) ^ look(1, high >>> 16) ^ look(0, high >>> 24)
  }
  for (; index < bytes.length; index += 1) crc = (crc >>> 8) ^ look(0, crc ^ (bytes[index] ?? 0))
  return ~crc >>> 0
}
