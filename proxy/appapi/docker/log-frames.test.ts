import { expect, it } from 'vitest'
import { textOfLog } from './log-frames.ts'

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt8(stream, 0)
  head.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([head, Buffer.from(text)])
}

it('joins the frames of both streams in their order', () => {
  const log = Buffer.concat([frame(1, 'one\n'), frame(2, 'two é\n'), frame(1, ''), frame(0, 'three')])
  expect(textOfLog(log, false)).toBe('one\ntwo é\nthree')
})

it('takes the log of a terminal as it is', () => {
  expect(textOfLog(Buffer.from('plain\r\ntext'), true)).toBe('plain\r\ntext')
})

it('gives what is whole or begun, wherever the log is cut', () => {
  const log = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n')])
  for (let cut = 0; cut <= log.length; cut += 1) expect('one\ntwo\n').toMatch(new RegExp(`^${textOfLog(log.subarray(0, cut), false)}`))
})

it('gives nothing of what is no log', () => {
  expect(textOfLog(Buffer.from('<html>no frames</html>'), false)).toBe('')
  expect(textOfLog(Buffer.alloc(0), false)).toBe('')
})
