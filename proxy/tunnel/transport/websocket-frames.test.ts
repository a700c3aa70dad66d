import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { CLOSE_FRAME, WebsocketDecoder, binaryHeader, pongFrame } from './websocket-frames.ts'

const MASK = Buffer.from('37fa213d', 'hex')

/** A masked frame; `first` is its first byte. */
function frame(first: number, payload: Buffer, { mask = MASK, length = payload.length } = {}): Buffer {
  const header = binaryHeader(length)
  header.writeUInt8(first, 0)
  header.writeUInt8(header.readUInt8(1) | 0x80, 1)
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))])
}

/** A readable account of what came; bytes that follow one another are one piece. */
function decode(...chunks: readonly Buffer[]): string[] {
  const decoder = new WebsocketDecoder()
  const account: string[] = []
  for (const chunk of chunks) {
    for (const part of decoder.push(Buffer.from(chunk))) { // a copy: it is unmasked where it lies
      if (part.kind === 'bytes' && account.at(-1)?.startsWith('bytes ')) account.push(`${account.pop()}${part.bytes.toString('latin1')}`)
      else if (part.kind === 'bytes') account.push(`bytes ${part.bytes.toString('latin1')}`)
      else account.push(part.kind === 'ping' ? `ping ${part.payload.toString()}` : 'close')
    }
  }
  return account
}

const text = (message: string) => frame(0x81, Buffer.from(message))
const binary = (message: string) => frame(0x82, Buffer.from(message, 'latin1'))

it('takes text and binary for the same byte stream, whatever is no UTF-8 in it', () => {
  expect(decode(text('one '), binary('two '), frame(0x81, Buffer.from('fffe', 'hex')))).toEqual(['bytes one two \xff\xfe'])
})

it('reads frames wherever they are cut', () => {
  const stream = Buffer.concat([text('abc'), frame(0x89, Buffer.from('ping')), frame(0x8a, Buffer.alloc(0)), binary('x'.repeat(200)), frame(0x88, Buffer.alloc(0))])
  const expected = ['bytes abc', 'ping ping', `bytes ${'x'.repeat(200)}`, 'close']
  for (let cut = 0; cut <= stream.length; cut += 1) expect(decode(stream.subarray(0, cut), stream.subarray(cut))).toEqual(expected)
  expect(decode(...Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(expected)
})

it('takes empty frames, messages in several frames, and pings between them', () => {
  const parts = [frame(0x01, Buffer.from('a')), frame(0x89, Buffer.alloc(0)), frame(0x00, Buffer.alloc(0)), frame(0x80, Buffer.from('b')), text('')]
  expect(decode(...parts, binary('c'))).toEqual(['bytes a', 'ping ', 'bytes bc'])
})

it('gives out the bytes of a frame of any length as they come', () => {
  const endless = frame(0x82, Buffer.from('begin'), { length: Number.MAX_SAFE_INTEGER })
  expect(decode(endless)).toEqual(['bytes begin'])
})

it('writes headers of three lengths, and never masks', () => {
  expect(binaryHeader(5).toString('hex')).toBe('8205')
  expect(binaryHeader(126).toString('hex')).toBe('827e007e')
  expect(binaryHeader(65_535).toString('hex')).toBe('827effff')
  expect(binaryHeader(65_536).toString('hex')).toBe('827f0000000000010000')
  expect(pongFrame(Buffer.from('hi')).toString('hex')).toBe('8a026869')
  expect(CLOSE_FRAME.toString('hex')).toBe('880203e8')
})

describe('a connection is ended by', () => {
  it.each([
    ['a frame that is not masked', Buffer.from('820161', 'hex')],
    ['an extension', frame(0xc2, Buffer.from('a'))],
    ['an unknown data frame', frame(0x83, Buffer.from('a'))],
    ['an unknown control frame', frame(0x8b, Buffer.from('a'))],
    ['a control frame in parts', frame(0x09, Buffer.from('a'))],
    ['a long control frame', frame(0x89, Buffer.alloc(126))],
    ['a continuation of nothing', frame(0x80, Buffer.from('a'))],
    ['a message within another', Buffer.concat([frame(0x01, Buffer.from('a')), text('b')])],
    ['a length beyond all numbers', Buffer.concat([Buffer.from('82ffffffffffffffffff', 'hex'), MASK])],
  ])('%s', (_title, bytes) => {
    expect(() => decode(bytes)).toThrow(FrpProtocolError)
    expect(() => decode(...Array.from(bytes, (byte) => Buffer.of(byte)))).toThrow(FrpProtocolError)
  })
})

it('gives back any frames, with any masks, however they are cut', () => {
  const frames = fc.array(fc.record({ payload: fc.uint8Array({ maxLength: 300 }), mask: fc.uint8Array({ minLength: 4, maxLength: 4 }) }))
  fc.assert(
    fc.property(frames, fc.array(fc.nat(50)), (sent, cuts) => {
      let rest = Buffer.concat(sent.map(({ payload, mask }) => frame(0x82, Buffer.from(payload), { mask: Buffer.from(mask) })))
      const chunks: Buffer[] = []
      for (const cut of cuts) {
        chunks.push(rest.subarray(0, cut))
        rest = rest.subarray(cut)
      }
      const expected = Buffer.concat(sent.map(({ payload }) => payload)).toString('latin1')
      expect(decode(...chunks, rest).join('')).toBe(expected === '' ? '' : `bytes ${expected}`)
    }),
  )
})
