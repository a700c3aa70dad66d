import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { unmask } from './websocket-mask.ts'

it('undoes the mask at every length, position and alignment', () => {
  const masks = fc.uint8Array({ minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), masks, fc.nat(100), fc.nat(7), (plain, mask, position, alignment) => {
      const memory = new Uint8Array(64)
      const bytes = memory.subarray(alignment, alignment + plain.length)
      bytes.set(plain.map((byte, index) => byte ^ (mask[(position + index) % 4] ?? 0)))
      unmask(bytes, mask, position)
      expect(bytes).toEqual(plain)
      expect(memory.subarray(0, alignment).every((byte) => byte === 0)).toBe(true)
      expect(memory.subarray(alignment + plain.length).every((byte) => byte === 0)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})
