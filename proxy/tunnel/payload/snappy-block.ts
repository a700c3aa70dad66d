import { FrpProtocolError } from '../errors.ts'

const MAX_VARINT_BYTES = 5

/** Decompresses one block of snappy's format. @throws FrpProtocolError when it is malformed or longer than `maxBytes` */
export function decompressBlock(block: Buffer, maxBytes: number): Buffer {
  const preamble = readVarint(block)
  if (preamble.value > maxBytes) throw new FrpProtocolError(`a snappy block of ${preamble.value} bytes is too long`)
  const output = Buffer.allocUnsafe(preamble.value)
  let written = 0
  let read = preamble.bytes
  while (read < block.length) {
    const tag = readTag(block, read)
    read += tag.bytes
    if (tag.length > output.length - written) throw malformed()
    if (tag.kind === 'literal') {
      if (tag.length > block.length - read) throw malformed()
      block.copy(output, written, read, read + tag.length)
      read += tag.length
    } else {
      if (tag.offset === 0 || tag.offset > written) throw malformed()
      repeat(output, written, tag)
    }
    written += tag.length
  }
  if (written < output.length) throw malformed()
  return output
}

type Tag =
  | { readonly kind: 'literal'; readonly bytes: number; readonly length: number }
  | { readonly kind: 'copy'; readonly bytes: number; readonly length: number; readonly offset: number }

function readTag(block: Buffer, at: number): Tag {
  const tag = block.readUInt8(at)
  const upper = tag >> 2
  const following = (count: number): number => {
    if (at + 1 + count > block.length) throw malformed()
    return block.readUIntLE(at + 1, count)
  }
  switch (tag & 3) {
    case 0: {
      if (upper < 60) return { kind: 'literal', bytes: 1, length: upper + 1 }
      const lengthBytes = upper - 59
      return { kind: 'literal', bytes: 1 + lengthBytes, length: following(lengthBytes) + 1 }
    }
    case 1:
      return { kind: 'copy', bytes: 2, length: (upper & 7) + 4, offset: ((tag >> 5) << 8) | following(1) }
    case 2:
      return { kind: 'copy', bytes: 3, length: upper + 1, offset: following(2) }
    default:
      return { kind: 'copy', bytes: 5, length: upper + 1, offset: following(4) }
  }
}

/** A copy may overlap what it writes: that is how a run is written. */
function repeat(output: Buffer, at: number, { offset, length }: { readonly offset: number; readonly length: number }): void {
  if (offset >= length) output.copyWithin(at, at - offset, at - offset + length)
  else if (offset === 1) output.fill(output.readUInt8(at - 1), at, at + length)
  else for (let index = at; index < at + length; index += 1) output[index] = output[index - offset] ?? 0
}

function readVarint(block: Buffer): { readonly value: number; readonly bytes: number } {
  let value = 0
  for (let index = 0; index < MAX_VARINT_BYTES && index < block.length; index += 1) {
    const byte = block.readUInt8(index)
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, bytes: index + 1 }
  }
  throw malformed()
}

function malformed(): FrpProtocolError {
  return new FrpProtocolError('a snappy block is malformed')
}
