import { expect, it } from 'vitest'
import { encodeHeader, encodeHeaders } from './encoder.ts'
import { frameVectors, loginDataHeader } from './frames.fixture.ts'

it.each([...frameVectors, loginDataHeader])('encodes: $title', ({ header, hex }) => {
  expect(encodeHeader(header).toString('hex')).toBe(hex)
})

it('encodes many frames into one buffer', () => {
  const encoded = encodeHeaders(frameVectors.map(({ header }) => header))
  expect(encoded.toString('hex')).toBe(frameVectors.map(({ hex }) => hex).join(''))
})
