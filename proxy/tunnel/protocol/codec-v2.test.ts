import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { FrameDecoder } from './codec.ts'
import type { Frame } from './codec.ts'
import { asFrameV1, encodeFrameV2, encodeMessageFrameV2, framingV2 } from './codec-v2.ts'
import { wireV1 } from './fixtures/wire-v1.ts'
import { wireV2Vectors } from './fixtures/wire-v2.ts'

function decode(...chunks: readonly Buffer[]): Frame[] {
  const decoder = new FrameDecoder(framingV2)
  return chunks.flatMap((chunk) => [...decoder.push(chunk)])
}

describe.each(Object.entries(wireV2Vectors.v2Messages))('the %s frame of wire v2', (name, { frame, json }) => {
  const letter = wireV1.v1Messages[name]?.frame[0] ?? 0

  it('is what we encode', () => {
    expect(encodeMessageFrameV2(letter, json)).toEqual(frame)
  })

  it('is decoded to what wire v1 would have sent, wherever it is cut', () => {
    const twoFrames = Buffer.concat([frame, frame])
    const expected = { type: letter, payload: Buffer.from(json) }
    for (let cut = 0; cut <= twoFrames.length; cut += 1) {
      expect(decode(twoFrames.subarray(0, cut), twoFrames.subarray(cut)).map(asFrameV1)).toEqual([expected, expected])
    }
  })
})

it('refuses unknown types, flags and excessive lengths from the header alone', () => {
  const headers = ['0000000000000000', '0003000000000000', '0011000000000000', 'ffff000000000000', '0010000100000000', '0010000000010001', '00100000ffffffff']
  for (const header of headers) expect(() => decode(Buffer.from(header, 'hex'))).toThrow(FrpProtocolError)
  expect(decode(Buffer.from('0010000000010000', 'hex'))).toEqual([])
})

it('refuses messages without an id or with an unknown one, and hellos in their place', () => {
  const refused = [encodeFrameV2(16, Buffer.alloc(0)), encodeFrameV2(16, Buffer.alloc(1))]
  for (const id of [0, 19, 65_535]) refused.push(encodeFrameV2(16, Buffer.from([id >> 8, id & 255, 0x7b, 0x7d])))
  for (const type of [1, 2]) refused.push(encodeFrameV2(type, Buffer.from('{}')))
  for (const frame of refused) expect(() => decode(frame).map(asFrameV1)).toThrow(FrpProtocolError)
})

it('never sends a frame that frpc would not take', () => {
  expect(encodeFrameV2(16, Buffer.alloc(65_536))).toHaveLength(65_544)
  expect(() => encodeFrameV2(16, Buffer.alloc(65_537))).toThrow(FrpProtocolError)
})

it('answers random bytes with frames or a protocol error, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(outcomeOf(() => decode(Buffer.from(bytes)).map(asFrameV1))).toMatch(/^(frames|FrpProtocolError)$/)
    }),
  )
})

function outcomeOf(attempt: () => unknown): string {
  try {
    attempt()
    return 'frames'
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}
