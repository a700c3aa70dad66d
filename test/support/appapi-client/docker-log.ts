/**
 * The text in Docker's multiplexed stream: one byte for the stream, three zeros, four for the length, then so many bytes.
 * Bytes without a frame are lost, as in AppAPI (its contract §3.1, D12).
 */
export function dockerLog(bytes: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}
