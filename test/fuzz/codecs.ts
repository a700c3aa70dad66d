import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { FrpProtocolError } from '../../proxy/tunnel/errors.ts'
import { SnappyDecoder, SnappyEncoder } from '../../proxy/tunnel/payload/snappy-stream.ts'
import { AeadDecoder, AeadEncoder } from '../../proxy/tunnel/protocol/aead.ts'
import { CfbDecoder, CfbEncoder, deriveKey } from '../../proxy/tunnel/protocol/cipher.ts'
import { encodeFrame } from '../../proxy/tunnel/protocol/codec.ts'
import { encodeMessageFrameV2, MAGIC_V2 } from '../../proxy/tunnel/protocol/codec-v2.ts'
import { OpeningDecoder } from '../../proxy/tunnel/protocol/opening.ts'
import { type Wire, wireV1, wireV2 } from '../../proxy/tunnel/protocol/wire.ts'
import { cut, cuts } from './cuts.ts'
import { pureProperty } from './fuzz-property.ts'

/** Type bytes of wire v1 that clients send. */
const types = fc.constantFrom('o', 'p', 'c', 'w', 'v', 'h', 'i', 'n', 'u')
const letter = (type: string): number => type.charCodeAt(0)

/** JSON that keeps to the size of a message, or nothing like it. */
const payloads = fc.oneof(fc.json({ maxDepth: 3 }), fc.string(), fc.constant('{"proxy_name":"x","remote_port":23000,"run_id":"y","metas":{"token":"z"}}')).filter((text) => Buffer.byteLength(text) <= 10_240)

/** What is thrown at a peer's bytes is a protocol error and nothing else. */
function orProtocolError<T>(call: () => T): T | 'refused' {
  try {
    return call()
  } catch (error) {
    if (error instanceof FrpProtocolError) return 'refused'
    throw error
  }
}

function messagesOf(wire: Wire, pieces: readonly Buffer[]): unknown {
  const decoder = wire.newDecoder()
  return orProtocolError(() => pieces.flatMap((piece) => [...decoder.push(piece)].map((frame) => wire.parse(frame))))
}

const encoders = { 1: encodeFrame, 2: encodeMessageFrameV2 } as const

export const messages = pureProperty('messages', 'messages mean the same however they are cut, and bytes of any kind are messages or a protocol error', () =>
  fc.asyncProperty(fc.constantFrom(wireV1, wireV2), fc.array(fc.tuple(types, payloads), { maxLength: 6 }), fc.uint8Array({ maxLength: 40 }), cuts, async (wire, said, noise, at) => {
    const bytes = Buffer.concat([...said.map(([type, json]) => encoders[wire.version](letter(type), json)), noise])
    const whole = messagesOf(wire, [bytes])
    const inPieces = messagesOf(wire, cut(bytes, at))
    assert.deepEqual(inPieces, whole)
    if (noise.length === 0 && whole !== 'refused') assert.equal((whole as unknown[]).length, said.length)
  }),
)

export const openings = pureProperty('openings', 'the beginning of a connection means the same however it is cut, and what follows it is left to the byte', () =>
  fc.asyncProperty(fc.boolean(), types, payloads, fc.uint8Array({ maxLength: 60 }), cuts, async (isV2, type, json, rest, at) => {
    const encode = encoders[isV2 ? 2 : 1]
    const bytes = Buffer.concat([...(isV2 ? [MAGIC_V2] : []), encode(letter(type), json), rest])
    const read = (pieces: readonly Buffer[]): unknown => orProtocolError(() => {
      const decoder = new OpeningDecoder()
      for (const [index, piece] of pieces.entries()) {
        const opening = decoder.push(piece)
        if (opening) return { message: opening.message, wire: opening.wire.version, rest: Buffer.concat([decoder.takeRest(), ...pieces.slice(index + 1)]) }
      }
      return 'nothing yet'
    })
    const whole = read([bytes])
    assert.deepEqual(read(cut(bytes, at)), whole)
    if (typeof whole === 'object') assert.deepEqual((whole as { rest: Buffer }).rest, Buffer.from(rest))
  }),
)

export const snappy = pureProperty('snappy', 'compression gives back what it was given however it is cut, and bytes of any kind are data or a protocol error', () =>
  fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 3 }), cuts, async (said, changes, at) => {
    const encoder = new SnappyEncoder()
    const plain = Buffer.concat(said)
    const bytes = Buffer.concat(said.map((piece) => encoder.encode(Buffer.from(piece))))
    for (const [position, value] of changes) if (bytes.length > 0) bytes[position % bytes.length] = value
    const decode = (pieces: readonly Buffer[]): unknown => orProtocolError(() => {
      const decoder = new SnappyDecoder()
      const decoded = Buffer.concat(pieces.flatMap((piece) => [...decoder.push(piece)]))
      assert.ok(decoded.length <= 65_536 * (bytes.length + 1), 'more came out than chunks can hold')
      return decoded
    })
    const decoded = decode(cut(bytes, at))
    assert.deepEqual(decoded, decode([bytes]))
    if (changes.length === 0) assert.deepEqual(decoded, plain)
    // Each chunk carries a checksum: a change is seen, or is none, or lies where the format skips.
    else if (Buffer.isBuffer(decoded)) assert.ok(plain.includes(decoded) || decoded.length <= plain.length, 'changed bytes were taken for good ones')
  }),
)

export const ciphers = pureProperty('ciphers', 'both encryptions of the control stream give back what they were given however it is cut, and wire v2 refuses what was changed', () =>
  fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), fc.option(fc.tuple(fc.nat(10_000), fc.integer({ min: 1, max: 255 })), { nil: undefined }), cuts, async (said, change, at) => {
    const plain = Buffer.concat(said)
    const key = deriveKey('')
    const cfb = new CfbEncoder(key)
    const decoder = new CfbDecoder(key)
    const cfbBytes = Buffer.concat(said.map((piece) => cfb.encode(Buffer.from(piece))))
    assert.deepEqual(Buffer.concat(cut(cfbBytes, at).map((piece) => decoder.decode(piece))), plain)
    const aead = new AeadEncoder(Buffer.alloc(32, 1))
    const bytes = Buffer.concat(said.map((piece) => aead.encode(Buffer.from(piece))))
    if (change && bytes.length > 0) bytes[change[0] % bytes.length] = (bytes[change[0] % bytes.length] ?? 0) ^ change[1]
    const opener = new AeadDecoder(Buffer.alloc(32, 1))
    const opened: Buffer[] = []
    const outcome = orProtocolError(() => cut(bytes, at).forEach((piece) => opened.push(opener.decode(piece))))
    const got = Buffer.concat(opened)
    assert.ok(plain.subarray(0, got.length).equals(got), 'wire v2 gave out bytes that were changed')
    if (!change) assert.deepEqual([outcome, got], [undefined, plain])
  }),
)
