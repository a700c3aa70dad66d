import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameDecoder } from './decoder.ts'
import { ProtocolError } from './errors.ts'
import type { FrameHeader } from './frame.ts'
import { frameVectors, loginDataHeader, recordedLogin, recordedOpening } from './frames.fixture.ts'
import { frame } from './peer.fixture.ts'

interface DecodedFrame {
  readonly header: FrameHeader
  readonly body: string
}

/** Feeds the parts and joins each body again. */
function decode(parts: readonly Buffer[]): DecodedFrame[] {
  const decoder = new FrameDecoder()
  const frames: { header: FrameHeader, body: string }[] = []
  for (const part of parts) {
    for (const event of decoder.push(part)) {
      if (event.kind === 'header') frames.push({ header: event.header, body: '' })
      else {
        const last = frames.at(-1)
        if (last === undefined) throw new Error('a body came before any header')
        last.body += event.bytes.toString('hex')
        const isComplete = last.body.length === event.header.length * 2
        if (event.header !== last.header || event.isLast !== isComplete) throw new Error('a body piece is out of place')
      }
    }
  }
  return frames
}

describe.each(frameVectors)('$title', ({ hex, header }) => {
  const bytes = Buffer.from(hex, 'hex')
  for (let cut = 0; cut <= bytes.length; cut++) {
    it(`is decoded cut at byte ${cut}`, () => {
      expect(decode([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([{ header, body: '' }])
    })
  }
})

describe('what frpc sends first', () => {
  const expected = [
    { header: { type: 1, flags: 1, streamId: 1, length: 0x5c0000 }, body: '' },
    { header: loginDataHeader.header, body: recordedLogin.toString('hex') },
    { header: { type: 2, flags: 1, streamId: 0, length: 0 }, body: '' },
    { header: { type: 1, flags: 4, streamId: 1, length: 0 }, body: '' },
  ]
  for (let cut = 0; cut <= recordedOpening.length; cut++) {
    it(`is decoded cut at byte ${cut}`, () => {
      expect(decode([recordedOpening.subarray(0, cut), recordedOpening.subarray(cut)])).toEqual(expected)
    })
  }

  it('is decoded byte by byte', () => {
    expect(decode([...recordedOpening].map((byte) => Buffer.from([byte])))).toEqual(expected)
  })
})

const anyFrame = fc.oneof(
  fc.record({
    type: fc.constant(0 as const),
    flags: fc.nat(0xffff),
    streamId: fc.nat(0xffff_ffff),
    body: fc.uint8Array({ maxLength: 100 }),
  }).map(({ body, ...header }) => ({ header: { ...header, length: body.length }, body: Buffer.from(body) })),
  fc.record({
    type: fc.constantFrom(1 as const, 2 as const, 3 as const),
    flags: fc.nat(0xffff),
    streamId: fc.nat(0xffff_ffff),
    length: fc.nat(0xffff_ffff),
  }).map((header) => ({ header, body: Buffer.alloc(0) })),
)

it('decodes any frames however they are cut', () => {
  fc.assert(fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 20 }), (frames, cuts) => {
    const bytes = Buffer.concat(frames.map(({ header, body }) =>
      frame(header.type, header.flags, header.streamId, header.length, body)))
    const ends = [...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]
    const parts = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
    expect(decode(parts)).toEqual(frames.map(({ header, body }) => ({ header, body: body.toString('hex') })))
  }))
})

it('passes a body on without copying it and before it is complete', () => {
  const decoder = new FrameDecoder()
  const bytes = frame(0, 0, 1, 0xffff_ffff, Buffer.from('beginning'))
  const events = [...decoder.push(bytes)]
  expect(events).toHaveLength(2)
  const payload = events[1]
  expect(payload?.kind === 'payload' && payload.bytes.buffer === bytes.buffer && !payload.isLast).toBe(true)
})

it.each([
  ['another version', '010000000000000000000000'],
  ['an unknown type', '000400000000000000000000'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1').toString('hex')],
])('refuses %s', (_, hex) => {
  expect(() => decode([Buffer.from(hex, 'hex')])).toThrow(ProtocolError)
})
