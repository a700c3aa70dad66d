import { expect, it } from 'vitest'
import { deriveKey } from '../protocol/cipher.ts'
import { createPayloadCodec } from './codec.ts'

const key = deriveKey('')
const bytes = Buffer.from('some payload that is longer than a cipher block')

for (const useEncryption of [false, true]) {
  for (const useCompression of [false, true]) {
    const settings = { useEncryption, useCompression }

    it(`reads what it writes, cut at every byte, with ${JSON.stringify(settings)}`, () => {
      const writer = createPayloadCodec(settings, key)
      const written = Buffer.concat([writer.encode(bytes), writer.encode(bytes)])
      expect(written.equals(Buffer.concat([bytes, bytes]))).toBe(!useEncryption && !useCompression)
      for (let cut = 0; cut <= written.length; cut += 1) {
        const reader = createPayloadCodec(settings, key)
        const read = [written.subarray(0, cut), written.subarray(cut)].flatMap((part) => [...reader.decode(part)])
        reader.end()
        expect(Buffer.concat(read).toString()).toBe(`${bytes.toString()}${bytes.toString()}`)
      }
    })
  }
}

it('compresses first and encrypts then', () => {
  const written = createPayloadCodec({ useEncryption: true, useCompression: true }, key).encode(bytes)
  const decrypted = Buffer.concat([...createPayloadCodec({ useEncryption: true, useCompression: false }, key).decode(written)])
  expect(decrypted.subarray(4, 10).toString()).toBe('sNaPpY')
})

it('notices an end in the middle of a chunk', () => {
  const writer = createPayloadCodec({ useEncryption: true, useCompression: true }, key)
  const reader = createPayloadCodec({ useEncryption: true, useCompression: true }, key)
  expect([...reader.decode(writer.encode(bytes).subarray(0, -1))]).toEqual([])
  expect(() => reader.end()).toThrow('in the middle of a chunk')
})
