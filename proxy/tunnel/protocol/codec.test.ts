import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { FrameDecoder, encodeFrame } from './codec.ts'
import type { Frame } from './codec.ts'
import { wireV1 } from './fixtures/wire-v1.ts'

function decode(...chunks: readonly Buffer[]): Frame[] {
  const decoder = new FrameDecoder()
  return chunks.flatMap((chunk) => [...decoder.push(chunk)])
}

function outcomeOf(attempt: () => unknown): string {
  try {
    attempt()
    return 'frames'
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}

function header(type: string, length: bigint): Buffer {
  const bytes = Buffer.alloc(9)
  bytes.write(type)
  bytes.writeBigInt64BE(length, 1)
  return bytes
}

describe.each(Object.entries(wireV1.v1Messages))('the %s frame of frp', (_name, { frame, json }) => {
  const expected = { type: frame[0], payload: Buffer.from(json) }

  it('is what we encode', () => {
    expect(encodeFrame(frame.readUInt8(0), json)).toEqual(frame)
  })

  it('is decoded wherever it is cut', () => {
    const twoFrames = Buffer.concat([frame, frame])
    for (let cut = 0; cut <= twoFrames.length; cut += 1) {
      expect(decode(twoFrames.subarray(0, cut), twoFrames.subarray(cut))).toEqual([expected, expected])
    }
  })

  it('is decoded byte by byte', () => {
    expect(decode(...[...frame].map((byte) => Buffer.of(byte)))).toEqual([expected])
  })
})

it('leaves the bytes behind a frame to whatever follows it', () => {
  const { frame } = wireV1.v1Messages['Login'] ?? { frame: Buffer.alloc(0) }
  const decoder = new FrameDecoder()
  expect(decoder.push(Buffer.concat([frame, Buffer.from('cipher')])).next().done).toBe(false)
  expect(decoder.takeRest().toString()).toBe('cipher')
})

it('refuses a negative, an endless and an excessive length from the header alone', () => {
  for (const length of [-1n, 10_241n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    expect(() => decode(header('o', length))).toThrow(FrpProtocolError)
  }
  expect(decode(header('o', 0n), header('o', 10_240n))).toHaveLength(1)
})

it('refuses a type that frp does not have', () => {
  for (const type of ['\0', 'F', 'O', 'z', 'ÿ']) expect(() => decode(header(type, 0n))).toThrow(/unknown message type/)
})

it('never sends a frame that frpc would not take', () => {
  expect(encodeFrame(0x33, 'x'.repeat(10_240))).toHaveLength(9 + 10_240)
  expect(() => encodeFrame(0x33, 'x'.repeat(10_241))).toThrow(FrpProtocolError)
})

it('gives back any frames in order, however they are cut', () => {
  const frames = fc.array(fc.record({ type: fc.constantFrom(...Buffer.from('o1p2cwrsv3h4uinm56')), json: fc.string() }))
  fc.assert(
    fc.property(frames, fc.array(fc.nat(40)), (sent, cuts) => {
      let rest = Buffer.concat(sent.map(({ type, json }) => encodeFrame(type, json)))
      const chunks: Buffer[] = []
      for (const cut of cuts) {
        chunks.push(rest.subarray(0, cut))
        rest = rest.subarray(cut)
      }
      const received = decode(...chunks, rest).map(({ type, payload }) => ({ type, json: payload.toString() }))
      expect(received).toEqual(sent)
    }),
  )
})

it('answers random bytes with frames or a protocol error, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(outcomeOf(() => decode(Buffer.from(bytes)))).toMatch(/^(frames|FrpProtocolError)$/)
    }),
  )
})
