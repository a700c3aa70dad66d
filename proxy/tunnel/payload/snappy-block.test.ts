import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { decompressBlock } from './snappy-block.ts'

const decompress = (hex: string, maxBytes = 65_536) => decompressBlock(Buffer.from(hex.replaceAll(' ', ''), 'hex'), maxBytes)

describe('a block is decompressed that has', () => {
  it.each([
    ['nothing', '00', ''],
    ['a literal', '03 08 616263', 'abc'],
    ['a literal with its length in one byte', `41 f0 40 ${'61'.repeat(65)}`, 'a'.repeat(65)],
    ['a literal with its length in four bytes', '03 fc 02000000 616263', 'abc'],
    ['a copy with a near offset', '07 08 616263 01 03', 'abcabca'],
    ['a copy with an offset in two bytes', '06 08 616263 0a 0300', 'abcabc'],
    ['a copy with an offset in four bytes', '06 08 616263 0b 03000000', 'abcabc'],
    ['a run, which overlaps itself', '0b 00 61 26 0100', 'a'.repeat(11)],
    ['an overlapping pattern', '09 04 6162 1a 0200', 'ababababa'],
  ])('%s', (_title, hex, text) => {
    expect(decompress(hex).toString()).toBe(text)
  })
})

describe('a block is refused that', () => {
  it.each([
    ['is empty', ''],
    ['has no end of its length', 'ffffffffff01'],
    ['is longer than allowed', '818004'],
    ['is shorter than it says', '04 08 616263'],
    ['is longer than it says', '02 08 616263'],
    ['ends within a literal', '03 08 6162'],
    ['ends within the length of a literal', '03 f4 00'],
    ['ends within an offset', '06 08 616263 0a 03'],
    ['copies from before its beginning', '06 08 616263 0a 0400'],
    ['copies from nowhere', '06 08 616263 0a 0000'],
    ['copies beyond its end', '05 08 616263 0a 0300'],
    ['has an offset beyond everything', '06 08 616263 0b ffffffff'],
    ['has a literal beyond everything', '03 fc ffffffff 61'],
  ])('%s', (_title, hex) => {
    expect(() => decompress(hex)).toThrow(FrpProtocolError)
  })
})

it('answers random bytes with bytes or a protocol error, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(outcomeOf(Buffer.from(bytes))).toMatch(/^(bytes|FrpProtocolError)$/)
    }),
    { numRuns: 2000 },
  )
})

function outcomeOf(block: Buffer): string {
  try {
    decompressBlock(block, 1000)
    return 'bytes'
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}
