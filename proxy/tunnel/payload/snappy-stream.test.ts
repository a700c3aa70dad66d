import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { SnappyDecoder, SnappyEncoder } from './snappy-stream.ts'

/** What Go's snappy, which frp uses, made of "hello frp " thirty times and "tiny", each written by itself. */
const recorded = Buffer.from(
  'ff060000734e615070590021000082f747f3ac022868656c6c6f206672702068fe0a00fe0a00fe0a00fe0a00820a0001080000d4ac3f8174696e79',
  'hex',
)
const recordedText = `${'hello frp '.repeat(30)}tiny`
const identifier = recorded.subarray(0, 10)

function decode(...chunks: readonly Buffer[]): string {
  const decoder = new SnappyDecoder()
  const plain = Buffer.concat(chunks.flatMap((chunk) => [...decoder.push(chunk)]))
  decoder.end()
  return plain.toString('latin1')
}

function chunk(type: number, body: Buffer, length = body.length): Buffer {
  const header = Buffer.of(type, 0, 0, 0)
  header.writeUIntLE(length, 1, 3)
  return Buffer.concat([header, body])
}

it('reads what Go wrote, wherever it is cut', () => {
  for (let cut = 0; cut <= recorded.length; cut += 1) expect(decode(recorded.subarray(0, cut), recorded.subarray(cut))).toBe(recordedText)
  expect(decode(...Array.from(recorded, (byte) => Buffer.of(byte)))).toBe(recordedText)
})

it('skips what may be skipped, of any length, and takes another identifier', () => {
  const padding = chunk(0xfe, Buffer.alloc(200_000))
  expect(decode(recorded, chunk(0x80, Buffer.alloc(0)), identifier, padding, recorded.subarray(10))).toBe(recordedText + recordedText)
})

it('gives out what a chunk holds only when it is asked for', () => {
  const pieces = new SnappyDecoder().push(recorded)
  expect(pieces.next().value?.toString()).toBe('hello frp '.repeat(30))
  expect(pieces.next().value?.toString()).toBe('tiny')
  expect(pieces.next().done).toBe(true)
})

it('writes what it reads, in chunks that no reader refuses', () => {
  const encoder = new SnappyEncoder()
  const long = Buffer.alloc(150_000, 'long')
  const stream = Buffer.concat([encoder.encode(Buffer.from('one')), encoder.encode(long)])
  expect(stream.subarray(0, 10)).toEqual(identifier)
  expect(stream.readUIntLE(10 + 8 + 3 + 1, 3)).toBe(65_536 + 4)
  expect(decode(stream)).toBe(`one${long.toString()}`)
})

it('gives back whatever was written, however it was cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.array(fc.nat(60)), (writes, cuts) => {
      const encoder = new SnappyEncoder()
      let rest = Buffer.concat(writes.map((bytes) => encoder.encode(Buffer.from(bytes))))
      const parts: Buffer[] = []
      for (const cut of cuts) {
        parts.push(rest.subarray(0, cut))
        rest = rest.subarray(cut)
      }
      expect(decode(...parts, rest)).toBe(Buffer.concat(writes).toString('latin1'))
    }),
  )
})

describe('a stream is refused', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['without identifier', recorded.subarray(10)],
    ['with a skippable chunk before its identifier', Buffer.concat([chunk(0xfe, Buffer.alloc(1)), recorded])],
    ['with another identifier', Buffer.from('ff060000734e61507058', 'hex')],
    ['with an identifier of another length', chunk(0xff, Buffer.alloc(0), 7)],
    ['with an unskippable chunk of an unknown type', Buffer.concat([identifier, chunk(0x02, Buffer.alloc(0))])],
    ['with an uncompressed chunk that is too long', Buffer.concat([identifier, chunk(0x01, Buffer.alloc(0), 65_541)])],
    ['with a compressed chunk that is too long', Buffer.concat([identifier, chunk(0x00, Buffer.alloc(0), 76_495)])],
    ['with a chunk too short for its checksum', Buffer.concat([identifier, chunk(0x01, Buffer.alloc(0), 3)])],
    ['with a wrong checksum', Buffer.concat([identifier, chunk(0x01, Buffer.from('0000000074696e79', 'hex'))])],
    ['that ends within a header', recorded.subarray(0, 12)],
    ['that ends within a chunk', recorded.subarray(0, -1)],
    ['that ends within what is skipped', Buffer.concat([recorded, chunk(0xfe, Buffer.alloc(1), 2)])],
  ]
  it.each(cases)('%s', (_title, bytes) => {
    expect(() => decode(bytes)).toThrow(FrpProtocolError)
    expect(() => decode(...Array.from(bytes, (byte) => Buffer.of(byte)))).toThrow(FrpProtocolError)
  })
})
