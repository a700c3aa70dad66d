import { ProtocolError } from './errors.ts'
import { FrameType, HEADER_BYTES, PROTOCOL_VERSION } from './frame.ts'
import type { FrameHeader } from './frame.ts'

/** What the decoder yields: a header, or the next piece of the last data header's body. */
export type FrameEvent =
  | { readonly kind: 'header', readonly header: FrameHeader }
  | { readonly kind: 'payload', readonly header: FrameHeader, readonly bytes: Buffer, readonly isLast: boolean }

/**
 * Splits a byte stream into frames: bytes in, headers and subarrays of those bytes out.
 *
 * A body may be as long as the receive window, so it is passed on as it arrives and never collected; at most eleven bytes
 * of a cut header are kept between two pushes. A body of zero bytes yields no payload event.
 */
export class FrameDecoder {
  readonly #partialHeader = Buffer.alloc(HEADER_BYTES)
  #partialHeaderBytes = 0
  #bodyOf: FrameHeader | undefined
  #bodyBytesLeft = 0

  #begin(header: FrameHeader): FrameHeader {
    if (header.type === FrameType.data && header.length > 0) {
      this.#bodyOf = header
      this.#bodyBytesLeft = header.length
    }
    return header
  }

  /** Decodes what the bytes complete; throws a ProtocolError at a version or type that does not exist. */
  *push(bytes: Buffer): Generator<FrameEvent, void, undefined> {
    let offset = 0
    while (offset < bytes.length) {
      if (this.#bodyOf !== undefined) {
        const header = this.#bodyOf
        const end = Math.min(bytes.length, offset + this.#bodyBytesLeft)
        const piece = bytes.subarray(offset, end)
        offset = end
        this.#bodyBytesLeft -= piece.length
        const isLast = this.#bodyBytesLeft === 0
        if (isLast) this.#bodyOf = undefined
        yield { kind: 'payload', header, bytes: piece, isLast }
        continue
      }
      const missing = HEADER_BYTES - this.#partialHeaderBytes
      if (this.#partialHeaderBytes > 0 || bytes.length - offset < HEADER_BYTES) {
        const taken = bytes.copy(this.#partialHeader, this.#partialHeaderBytes, offset, offset + missing)
        offset += taken
        this.#partialHeaderBytes += taken
        if (this.#partialHeaderBytes < HEADER_BYTES) return
        this.#partialHeaderBytes = 0
        yield { kind: 'header', header: this.#begin(readHeader(this.#partialHeader, 0)) }
      } else {
        const header = readHeader(bytes, offset)
        offset += HEADER_BYTES
        yield { kind: 'header', header: this.#begin(header) }
      }
    }
  }
}

function readHeader(bytes: Buffer, offset: number): FrameHeader {
  const version = bytes.readUInt8(offset)
  if (version !== PROTOCOL_VERSION) throw new ProtocolError(`frame version ${version} does not exist`)
  return {
    type: readType(bytes.readUInt8(offset + 1)),
    flags: bytes.readUInt16BE(offset + 2),
    streamId: bytes.readUInt32BE(offset + 4),
    length: bytes.readUInt32BE(offset + 8),
  }
}

function readType(type: number): FrameType {
  switch (type) {
    case FrameType.data:
    case FrameType.windowUpdate:
    case FrameType.ping:
    case FrameType.goAway:
      return type
    default:
      throw new ProtocolError(`frame type ${type} does not exist`)
  }
}
