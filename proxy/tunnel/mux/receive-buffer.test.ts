import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ReceiveBuffer, detached } from './receive-buffer.ts'

function drain(buffer: ReceiveBuffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let chunk = buffer.shift(); chunk !== undefined; chunk = buffer.shift()) chunks.push(chunk)
  return chunks
}

it('gives back every byte once and in order', () => {
  const step = fc.oneof(fc.nat(9000).map((bytes) => ({ bytes })), fc.constant('shift' as const))
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const buffer = new ReceiveBuffer()
    const added: Buffer[] = []
    const taken: Buffer[] = []
    for (const [index, action] of steps.entries()) {
      if (action === 'shift') taken.push(buffer.shift() ?? Buffer.alloc(0))
      else {
        const bytes = Buffer.alloc(action.bytes, index)
        added.push(bytes)
        buffer.add(bytes)
      }
      const length = Buffer.concat(added).length - Buffer.concat(taken).length
      expect(buffer.length).toBe(length)
    }
    taken.push(...drain(buffer))
    expect(Buffer.concat(taken).equals(Buffer.concat(added))).toBe(true)
  }))
})

it('merges tiny payloads, so that they hold neither an object each nor the read they came in', () => {
  const buffer = new ReceiveBuffer()
  const read = Buffer.alloc(65_536)
  for (let index = 0; index < 100_000; index++) buffer.add(read.subarray(0, 1))
  const chunks = drain(buffer)
  expect(chunks.length).toBeLessThan(10)
  expect(chunks.reduce((sum, chunk) => sum + chunk.buffer.byteLength, 0)).toBeLessThan(200_000)
})

it('keeps a large payload as it is', () => {
  const bytes = Buffer.alloc(16_384)
  const buffer = new ReceiveBuffer()
  buffer.add(bytes)
  expect(buffer.shift()).toBe(bytes)
  expect(detached(bytes)).toBe(bytes)
})

it('frees a small payload from a large read', () => {
  expect(detached(Buffer.alloc(65_536).subarray(7, 8)).buffer.byteLength).toBe(1)
})
