import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { CfbDecoder, CfbEncoder, deriveKey } from './cipher.ts'
import { wireV1 } from './fixtures/wire-v1.ts'

for (const { token, key } of wireV1.keyDerivation.cases) {
  it(`derives the key of token "${token}"`, () => {
    expect(deriveKey(token)).toEqual(key)
  })
}

for (const [index, { token, plaintextUtf8, stream, writes, iv, ciphertext }] of wireV1.aesCfb.cases.entries()) {
  const encrypted = stream ?? Buffer.concat([iv ?? Buffer.alloc(0), ciphertext ?? Buffer.alloc(0)])

  it(`decrypts sample ${index}, cut at every byte`, () => {
    for (let cut = 0; cut <= encrypted.length; cut += 1) {
      const decoder = new CfbDecoder(deriveKey(token))
      const parts = [encrypted.subarray(0, cut), encrypted.subarray(cut)]
      expect(Buffer.concat(parts.map((part) => decoder.decode(part))).toString()).toBe(plaintextUtf8)
    }
  })

  it(`encrypts sample ${index} to the same bytes`, () => {
    const encoder = new CfbEncoder(deriveKey(token), encrypted.subarray(0, 16))
    const parts = (writes ?? [plaintextUtf8]).map((write) => encoder.encode(Buffer.from(write)))
    expect(Buffer.concat(parts)).toEqual(encrypted)
  })
}

for (const session of wireV1.recordedV1Sessions) {
  it(`decrypts what ${session.client} sent on its control stream, byte by byte`, () => {
    const decoder = new CfbDecoder(deriveKey(session.token))
    const encrypted = Buffer.concat([session.controlClientIv, session.controlClientCiphertext])
    const plain = Buffer.concat([...encrypted].map((byte) => decoder.decode(Buffer.of(byte))))
    expect(plain.subarray(0, session.controlPlaintextNewProxyFrame.length)).toEqual(session.controlPlaintextNewProxyFrame)
  })
}

it('gives back whatever was written, however it was cut', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.uint8Array()), fc.array(fc.nat(50)), (token, writes, cuts) => {
      const encoder = new CfbEncoder(deriveKey(token))
      const decoder = new CfbDecoder(deriveKey(token))
      let rest = Buffer.concat(writes.map((bytes) => encoder.encode(Buffer.from(bytes))))
      const plain: Buffer[] = []
      for (const cut of cuts) {
        plain.push(decoder.decode(rest.subarray(0, cut)))
        rest = rest.subarray(cut)
      }
      plain.push(decoder.decode(rest))
      expect(Buffer.concat(plain)).toEqual(Buffer.concat(writes))
    }),
    { numRuns: 50 },
  )
})

it('starts every stream with another random IV', () => {
  const first = () => new CfbEncoder(deriveKey('')).encode(Buffer.from('x')).toString('hex')
  expect(first()).not.toBe(first())
})
