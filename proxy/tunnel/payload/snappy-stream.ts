import { FrpProtocolError } from '../errors.ts'
import { crc32c } from './crc32c.ts'
import { decompressBlock } from './snappy-block.ts'

// type u8, length u24 little-endian
const HEADER_BYTES = 4
const CHECKSUM_BYTES = 4

/** Most bytes in one chunk, uncompressed. */
const MAX_CHUNK_BYTES = 65_536

/** Most that a compressor makes of that: 32 + n + n/6, as the format says. */
const MAX_COMPRESSED_BYTES = 76_490

const ChunkType = { compressed: 0x00, uncompressed: 0x01, firstSkippable: 0x80, streamIdentifier: 0xff } as const
const IDENTIFIER = Buffer.from('sNaPpY')
const STREAM_HEADER = Buffer.concat([Buffer.of(ChunkType.streamIdentifier, IDENTIFIER.length, 0, 0), IDENTIFIER])

/**
 * Writes snappy's framing with uncompressed chunks only, which every reader takes: what a visitor uploads is mostly
 * compressed already, and compressing would cost this process more than the link saves.
 */
export class SnappyEncoder {
  #hasBegun = false

  encode(bytes: Buffer): Buffer {
    const parts: Buffer[] = this.#hasBegun ? [] : [STREAM_HEADER]
    this.#hasBegun = true
    for (let start = 0; start < bytes.length; start += MAX_CHUNK_BYTES) {
      const piece = bytes.subarray(start, start + MAX_CHUNK_BYTES)
      const header = Buffer.alloc(HEADER_BYTES + CHECKSUM_BYTES)
      header.writeUInt8(ChunkType.uncompressed, 0)
      header.writeUIntLE(CHECKSUM_BYTES + piece.length, 1, 3)
      header.writeUInt32LE(checksum(piece), HEADER_BYTES)
      parts.push(header, piece)
    }
    return Buffer.concat(parts)
  }
}

/** Reads snappy's framing, whatever way it was cut; holds at most one chunk and refuses a bad one from its header. */
export class SnappyDecoder {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #body: Buffer | undefined
  #bodyBytes = 0
  #skip = 0
  #hasIdentifier = false

  /** At the end of the stream. @throws FrpProtocolError when it is in the middle of a chunk */
  end(): void {
    if (this.#headerBytes > 0 || this.#skip > 0) throw new FrpProtocolError('a compressed stream ended in the middle of a chunk')
  }

  /** What the chunks hold that `bytes` completes, each made when it is asked for. @throws FrpProtocolError */
  *push(bytes: Buffer): Generator<Buffer, void> {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, rest.length)
        this.#skip -= skipped
        rest = rest.subarray(skipped)
        continue
      }
      if (!this.#body) {
        const copied = rest.copy(this.#header, this.#headerBytes)
        this.#headerBytes += copied
        rest = rest.subarray(copied)
        if (this.#headerBytes === HEADER_BYTES) this.#takeHeader()
        continue
      }
      const copied = rest.copy(this.#body, this.#bodyBytes)
      this.#bodyBytes += copied
      rest = rest.subarray(copied)
      if (this.#bodyBytes === this.#body.length) yield* this.#takeChunk(this.#body)
    }
  }

  #takeHeader(): void {
    const type = this.#header.readUInt8(0)
    const length = this.#header.readUIntLE(1, 3)
    if (!this.#hasIdentifier && type !== ChunkType.streamIdentifier) throw new FrpProtocolError('a compressed stream has no identifier')
    if (type >= ChunkType.firstSkippable && type !== ChunkType.streamIdentifier) {
      this.#skip = length
      this.#headerBytes = 0
      return
    }
    const { least, most } = bounds(type)
    if (length < least || length > most) throw new FrpProtocolError(`length ${length} of a chunk of type ${type} is not within ${least}..${most}`)
    this.#body = Buffer.allocUnsafe(length)
    this.#bodyBytes = 0
  }

  *#takeChunk(body: Buffer): Generator<Buffer, void> {
    const type = this.#header.readUInt8(0)
    this.#headerBytes = 0
    this.#body = undefined
    if (type === ChunkType.streamIdentifier) {
      if (!body.equals(IDENTIFIER)) throw new FrpProtocolError('a compressed stream has a wrong identifier')
      this.#hasIdentifier = true
      return
    }
    const content = body.subarray(CHECKSUM_BYTES)
    const plain = type === ChunkType.compressed ? decompressBlock(content, MAX_CHUNK_BYTES) : content
    if (checksum(plain) !== body.readUInt32LE(0)) throw new FrpProtocolError('a compressed chunk has a wrong checksum')
    if (plain.length > 0) yield plain
  }
}

function bounds(type: number): { readonly least: number; readonly most: number } {
  if (type === ChunkType.streamIdentifier) return { least: IDENTIFIER.length, most: IDENTIFIER.length }
  if (type === ChunkType.compressed) return { least: CHECKSUM_BYTES + 1, most: CHECKSUM_BYTES + MAX_COMPRESSED_BYTES }
  if (type === ChunkType.uncompressed) return { least: CHECKSUM_BYTES, most: CHECKSUM_BYTES + MAX_CHUNK_BYTES }
  throw new FrpProtocolError(`unknown chunk type ${type} in a compressed stream`)
}

/** The format rotates the checksum and adds a constant, so that data which holds checksums is no trap for it. */
function checksum(bytes: Buffer): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
