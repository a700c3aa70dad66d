import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrpProtocolError } from '../errors.ts'
import { AeadDecoder, AeadEncoder } from './aead.ts'
import { wireV2Vectors } from './fixtures/wire-v2.ts'

const vector = wireV2Vectors.v2Aead.cases[0] ?? expect.unreachable()
const recorded = wireV2Vectors.recordedV2Session

function decodeAll(key: Buffer, chunks: readonly Buffer[]): Buffer {
  const decoder = new AeadDecoder(key)
  return Buffer.concat(chunks.map((chunk) => decoder.decode(chunk)))
}

function outcomeOf(attempt: () => Buffer): string {
  try {
    return attempt().toString('hex')
  } catch (error) {
    if (error instanceof FrpProtocolError) return error.name
    throw error
  }
}

it('encrypts to the bytes that frp sends', () => {
  const encoder = new AeadEncoder(vector.keyServerToClient, vector.serverToClientStream.subarray(0, 12))
  expect(Buffer.concat(vector.plaintextRecords.map((record) => encoder.encode(record)))).toEqual(vector.serverToClientStream)
})

it('decrypts what frp sends, wherever it is cut', () => {
  for (const { key, stream, plaintext } of [
    { key: vector.keyServerToClient, stream: vector.serverToClientStream, plaintext: vector.plaintext },
    { key: recorded.keyClientToServer, stream: recorded.controlClientStreamStart, plaintext: recorded.controlClientPlaintext },
  ]) {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      expect(decodeAll(key, [stream.subarray(0, cut), stream.subarray(cut)]).subarray(0, plaintext.length)).toEqual(plaintext)
    }
    expect(decodeAll(key, [...stream].map((byte) => Buffer.of(byte))).subarray(0, plaintext.length)).toEqual(plaintext)
  }
})

it('gives back whatever was written, across carries of the nonce and the size of a record', () => {
  const key = Buffer.alloc(32, 1)
  const nonces = fc.constantFrom(Buffer.alloc(12, 0xff), Buffer.from('00000000000000000000fffe', 'hex'), Buffer.alloc(12))
  fc.assert(
    fc.property(nonces, fc.array(fc.uint8Array({ maxLength: 50 })), fc.nat(200), (nonce, writes, cut) => {
      const encoder = new AeadEncoder(key, nonce)
      const stream = Buffer.concat(writes.map((bytes) => encoder.encode(Buffer.from(bytes))))
      expect(decodeAll(key, [stream.subarray(0, cut), stream.subarray(cut)])).toEqual(Buffer.concat(writes))
    }),
  )
  const long = Buffer.alloc(150_000, 5)
  expect(decodeAll(key, [new AeadEncoder(key).encode(long)]).equals(long)).toBe(true)
})

it('notices any byte that was changed', () => {
  const stream = vector.serverToClientStream
  for (let index = 0; index < stream.length; index += 1) {
    const changed = Buffer.from(stream)
    changed.writeUInt8(stream.readUInt8(index) ^ 1, index)
    // A longer record waits for bytes that do not come, and gives nothing out.
    expect(outcomeOf(() => decodeAll(vector.keyServerToClient, [changed]))).not.toBe(vector.plaintext.toString('hex'))
  }
})

it('notices records that were left out, repeated or exchanged', () => {
  const encoder = new AeadEncoder(Buffer.alloc(32), Buffer.alloc(12))
  const [first, second] = [encoder.encode(Buffer.from('one')), encoder.encode(Buffer.from('two'))]
  const firstAlone = first.subarray(12)
  for (const chunks of [[first.subarray(0, 12), second], [first, firstAlone], [first.subarray(0, 12), second, firstAlone]]) {
    expect(() => decodeAll(Buffer.alloc(32), chunks)).toThrow('not encrypted with its key')
  }
})

it('refuses a length that no record has, before any of it is there', () => {
  for (const length of [0, 15, 65_553, 0xffff_ffff]) {
    const header = Buffer.alloc(16)
    header.writeUInt32BE(length, 12)
    expect(() => decodeAll(Buffer.alloc(32), [header])).toThrow(FrpProtocolError)
  }
})
