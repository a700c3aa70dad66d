const headLength = 8

/** Stream numbers of Docker's frames: standard input, output and error. */
const maxStream = 2

/**
 * The text in a container's log: frames of one byte for the stream, three zeros, four for the length, then so many bytes. A
 * container with a terminal has plain text instead. What is cut off at the end is left out.
 */
export function textOfLog(log: Buffer, hasTerminal: boolean): string {
  if (hasTerminal) return log.toString('utf8')
  const parts: Buffer[] = []
  let at = 0
  while (at + headLength <= log.length && log.readUInt32BE(at) >>> 24 <= maxStream) {
    const begin = at + headLength
    at = begin + log.readUInt32BE(at + 4)
    parts.push(log.subarray(begin, at))
  }
  return Buffer.concat(parts).toString('utf8')
}
