import type { Duplex } from 'node:stream'
import { ConnectionRefusedError } from '../errors.ts'
import { FrameDecoder } from '../protocol/codec.ts'
import { parseClientMessage } from '../protocol/messages.ts'
import type { ClientMessage } from '../protocol/messages.ts'

/**
 * Reads the one message that says what a stream is for, and leaves the bytes behind it on the stream.
 * @throws FrpProtocolError when it is malformed, ConnectionRefusedError when the stream ends or nothing comes in time
 */
export function readFirstMessage(stream: Duplex, timeoutMs: number): Promise<ClientMessage> {
  const decoder = new FrameDecoder()
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd)
    }
    const fail = (error: unknown) => {
      settle()
      reject(error)
    }
    const onReadable = () => {
      try {
        for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
          const frame = decoder.push(chunk).next()
          if (frame.done) continue
          settle()
          const rest = decoder.takeRest()
          if (rest.length > 0) stream.unshift(rest)
          resolve(parseClientMessage(frame.value))
          return
        }
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = () => fail(new ConnectionRefusedError('login', 'the stream ended before its first message'))
    const timer = setTimeout(() => fail(new ConnectionRefusedError('login', 'no message came in time')), timeoutMs)
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd)
    if (stream.destroyed) onEnd()
  })
}
