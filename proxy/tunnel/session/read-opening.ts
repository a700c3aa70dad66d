import type { Duplex } from 'node:stream'
import { ConnectionRefusedError } from '../errors.ts'
import { OpeningDecoder } from '../protocol/opening.ts'
import type { Opening } from '../protocol/opening.ts'

/**
 * Reads what says which wire protocol a stream speaks and what it is for, and leaves the bytes behind it on the stream.
 * @throws FrpProtocolError when it is malformed, ConnectionRefusedError when the stream ends or nothing comes in time
 */
export function readOpening(stream: Duplex, timeoutMs: number): Promise<Opening> {
  const decoder = new OpeningDecoder()
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
          const opening = decoder.push(chunk)
          if (!opening) continue
          settle()
          const rest = decoder.takeRest()
          if (rest.length > 0) stream.unshift(rest)
          resolve(opening)
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
