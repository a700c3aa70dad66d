import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { peekFirstByte, readFirstByte, recognize } from './first-byte.ts'

it('tells by the first byte what a client speaks', () => {
  const known = Object.fromEntries([...Array(256).keys()].map((byte) => [byte, recognize(byte)]).filter(([, speech]) => speech))
  expect(known).toEqual({
    0x00: 'yamux',
    0x16: 'tls',
    0x17: 'tls-after-marker',
    0x46: 'wire-v2',
    0x47: 'websocket',
    0x6f: 'wire-v1',
    0x76: 'wire-v1',
    0x77: 'wire-v1',
  })
})

it('looks at the first byte without taking it', async () => {
  const stream = new PassThrough()
  const peeked = peekFirstByte(stream, 5000)
  stream.end(Buffer.of(0x16, 1, 2))
  expect(await peeked).toBe(0x16)
  expect(await peekFirstByte(stream, 5000)).toBe(0x16)
  expect(Buffer.concat(await stream.toArray())).toEqual(Buffer.of(0x16, 1, 2))
})

it('takes the first byte and leaves the rest', async () => {
  const stream = new PassThrough()
  stream.end(Buffer.of(0x17, 0x16))
  expect(await readFirstByte(stream, 5000)).toBe(0x17)
  expect(Buffer.concat(await stream.toArray())).toEqual(Buffer.of(0x16))
})

it('gives up on silence, an end and a reset', async () => {
  await expect(readFirstByte(new PassThrough(), 5)).rejects.toThrow('sent nothing in time')
  const reset = new PassThrough().on('error', () => {})
  const waiting = readFirstByte(reset, 5000)
  reset.destroy(new Error('reset'))
  await expect(waiting).rejects.toThrow('closed without sending anything')
  await expect(readFirstByte(reset, 5000)).rejects.toThrow('closed without sending anything')
  const ended = new PassThrough()
  ended.end()
  await expect(readFirstByte(ended, 5000)).rejects.toThrow('closed without sending anything')
})
