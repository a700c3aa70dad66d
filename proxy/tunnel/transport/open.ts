import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import { peekFirstByte, readFirstByte, recognize } from './first-byte.ts'
import type { Speech } from './first-byte.ts'
import type { TlsTerminator } from './tls.ts'

export interface TransportRules {
  readonly tls: TlsTerminator
  /** Whether clients may do without TLS. */
  readonly allowPlain: boolean
  readonly limits: Pick<TunnelLimits, 'firstByteMs'>
}

/** Whatever a client speaks first, down to the yamux session inside. @throws ConnectionRefusedError */
export async function openTransport(socket: Socket, { tls, allowPlain, limits }: TransportRules): Promise<Duplex> {
  const speech = recognize(await peekFirstByte(socket, limits.firstByteMs))
  if (speech !== 'tls' && speech !== 'tls-after-marker') {
    if (!allowPlain) throw new ConnectionRefusedError('tls', 'the client speaks no TLS, which this server demands')
    return requireYamux(socket, speech)
  }
  if (speech === 'tls-after-marker') await readFirstByte(socket, limits.firstByteMs)
  const secured = await tls.secure(socket)
  return requireYamux(secured, recognize(await peekFirstByte(secured, limits.firstByteMs)))
}

function requireYamux(stream: Duplex, speech: Speech | undefined): Duplex {
  if (speech === 'yamux') return stream
  switch (speech) {
    case 'websocket':
      throw new ConnectionRefusedError('mux', 'transport.protocol = "websocket" and "wss" are not supported yet')
    case 'wire-v2':
      throw new ConnectionRefusedError('mux', 'transport.wireProtocol = "v2" is not supported yet')
    case 'wire-v1':
      throw new ConnectionRefusedError('mux', 'transport.tcpMux = false is not supported yet')
    case 'tls':
    case 'tls-after-marker':
    case undefined:
      break
  }
  throw new ConnectionRefusedError('first byte', 'the client does not speak frp')
}
