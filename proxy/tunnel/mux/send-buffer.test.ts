import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { SendBuffer } from './send-buffer.ts'

it('gives out every byte once and in order, in any pieces', () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }),
    fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1 }),
    (chunks, sizes) => {
      const written = chunks.map((chunk) => Buffer.from(chunk))
      const buffer = new SendBuffer()
      buffer.put([...written])
      const taken: Buffer[] = []
      for (let turn = 0; buffer.length > 0; turn++) {
        const size = Math.min(buffer.length, sizes[turn % sizes.length] ?? 1)
        const piece = Buffer.concat(buffer.take(size))
        expect(piece).toHaveLength(size)
        taken.push(piece)
      }
      expect(Buffer.concat(taken).equals(Buffer.concat(written))).toBe(true)
    },
  ))
})

it('copies nothing', () => {
  const written = Buffer.alloc(100)
  const buffer = new SendBuffer()
  buffer.put([written])
  const [first] = buffer.take(60)
  const [rest] = buffer.take(40)
  expect(first?.buffer).toBe(written.buffer)
  expect(rest?.buffer).toBe(written.buffer)
})
