import type { Readable } from 'node:stream'
import { ConnectionRefusedError } from '../errors.ts'

/** What a client speaks, told by its first byte (frp wire protocol: all first bytes differ). */
export type Speech = 'tls' | 'tls-after-marker' | 'yamux' | 'websocket' | 'wire-v1' | 'wire-v2'

/** No other first byte is legal. */
export function recognize(firstByte: number): Speech | undefined {
  switch (firstByte) {
    case 0x00:
      return 'yamux'
    case 0x16: // a TLS handshake record
      return 'tls'
    case 0x17: // frp's own marker in front of TLS: transport.tls.disableCustomTLSFirstByte = false
      return 'tls-after-marker'
    case 0x46: // "FRP\0": the magic of wire v2
      return 'wire-v2'
    case 0x47: // "GET /~!frp"
      return 'websocket'
    case 0x6f: // Login, NewWorkConn, NewVisitorConn without a multiplexer
    case 0x77:
    case 0x76:
      return 'wire-v1'
    default:
      return undefined
  }
}

/** Looks at the first byte and leaves it where it was. @throws ConnectionRefusedError when none comes in time */
export async function peekFirstByte(stream: Readable, timeoutMs: number): Promise<number> {
  const byte = await readFirstByte(stream, timeoutMs)
  stream.unshift(Buffer.of(byte))
  return byte
}

/** Takes the first byte. @throws ConnectionRefusedError when none comes in time */
export function readFirstByte(stream: Readable, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      stream.off('readable', onReadable).off('close', onClose).off('error', onClose)
    }
    const onReadable = () => {
      const chunk: Buffer | null = stream.read(1)
      if (chunk === null) {
        if (stream.readableEnded) onClose()
        return
      }
      settle()
      resolve(chunk.readUInt8(0))
    }
    const onClose = () => {
      settle()
      reject(new ConnectionRefusedError('first byte', 'closed without sending anything'))
    }
    const timer = setTimeout(() => {
      settle()
      reject(new ConnectionRefusedError('first byte', 'sent nothing in time'))
    }, timeoutMs)
    stream.on('readable', onReadable).on('close', onClose).on('error', onClose)
    if (stream.destroyed) onClose()
  })
}
