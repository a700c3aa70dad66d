import { Flag, FrameType, HEADER_BYTES, PROTOCOL_VERSION } from './frame.ts'
import type { FrameHeader, GoAwayCode } from './frame.ts'

/** Encodes one header; a data frame's body follows it separately, so that payload is never copied. */
export function encodeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES)
  writeHeader(bytes, 0, header)
  return bytes
}

/** Encodes frames without a body into one buffer, for one write. */
export function encodeHeaders(headers: readonly FrameHeader[]): Buffer {
  const bytes = Buffer.allocUnsafe(headers.length * HEADER_BYTES)
  let offset = 0
  for (const header of headers) {
    writeHeader(bytes, offset, header)
    offset += HEADER_BYTES
  }
  return bytes
}

/** The header of a data frame whose body has `length` bytes. */
export function dataHeader(streamId: number, length: number): FrameHeader {
  return { type: FrameType.data, flags: Flag.none, streamId, length }
}

/** A window update: returns credit, and carries SYN, ACK, FIN and RST. */
export function windowUpdate(streamId: number, flags: number, credit: number): FrameHeader {
  return { type: FrameType.windowUpdate, flags, streamId, length: credit }
}

/** A request for a ping reply that repeats `id`. */
export function pingRequest(id: number): FrameHeader {
  return { type: FrameType.ping, flags: Flag.syn, streamId: 0, length: id }
}

/** The reply to a ping request. */
export function pingReply(id: number): FrameHeader {
  return { type: FrameType.ping, flags: Flag.ack, streamId: 0, length: id }
}

/** Announces that the session ends, or with code 0 only that no new streams are taken. */
export function goAway(code: GoAwayCode): FrameHeader {
  return { type: FrameType.goAway, flags: Flag.none, streamId: 0, length: code }
}

function writeHeader(bytes: Buffer, offset: number, header: FrameHeader): void {
  bytes[offset] = PROTOCOL_VERSION
  bytes[offset + 1] = header.type
  bytes.writeUInt16BE(header.flags, offset + 2)
  bytes.writeUInt32BE(header.streamId, offset + 4)
  bytes.writeUInt32BE(header.length, offset + 8)
}
