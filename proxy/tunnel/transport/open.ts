import type { Socket } from 'node:net'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import type { FrpStream } from '../frp-stream.ts'
import { peekFirstByte, readFirstByte, recognize } from './first-byte.ts'
import type { TlsTerminator } from './tls.ts'
import type { Forwarding, UpgradeWebsocket } from './websocket-upgrade.ts'

/**
 * Who may come through a websocket: whoever brings our TLS around it or inside it, also others if they have a token of one
 * tunnel and not the shared key, or nobody.
 */
export type WebsocketPolicy = 'mtls' | 'token' | 'off'

export interface TransportRules {
  readonly tls: TlsTerminator
  /** Whether clients may do without TLS. */
  readonly allowPlain: boolean
  readonly websocketPolicy: WebsocketPolicy
  readonly upgradeWebsocket: UpgradeWebsocket
  readonly limits: Pick<TunnelLimits, 'firstByteMs'>
}

/** A connection down to where frp's own protocols begin. */
export interface Transport {
  readonly stream: FrpStream
  readonly speech: 'yamux' | 'wire-v1' | 'wire-v2'
  /** The subject of the certificate that the client proved to have; undefined where none was asked for. */
  readonly certificate: string | undefined
  readonly isWebsocket: boolean
}

/**
 * Whatever a client speaks first, down to frp itself: what each layer yields is sniffed again. `onForwarded` is told what a
 * websocket's request says of its client, and may refuse it. @throws ConnectionRefusedError
 */
export async function openTransport(socket: Socket, rules: TransportRules, onForwarded: (forwarding: Forwarding) => void): Promise<Transport> {
  const { firstByteMs } = rules.limits
  let stream: FrpStream = socket
  let certificate: string | undefined
  let hasTls = false
  let isWebsocket = false
  for (;;) {
    const speech = recognize(await peekFirstByte(stream, firstByteMs))
    switch (speech) {
      case 'tls':
      case 'tls-after-marker':
        if (hasTls) throw new ConnectionRefusedError('first byte', 'the client speaks TLS within TLS')
        if (speech === 'tls-after-marker') await readFirstByte(stream, firstByteMs)
        ;({ stream, certificate } = await rules.tls.secure(stream))
        hasTls = true
        break
      case 'websocket': {
        if (isWebsocket) throw new ConnectionRefusedError('first byte', 'the client speaks HTTP within a websocket')
        const upgraded = await rules.upgradeWebsocket(stream)
        onForwarded(upgraded.forwarding)
        stream = upgraded.stream
        isWebsocket = true
        break
      }
      case 'yamux':
      case 'wire-v1':
      case 'wire-v2':
        if (!hasTls) permitWithoutTls(isWebsocket, rules)
        return { stream, speech, certificate, isWebsocket }
      case undefined:
        throw new ConnectionRefusedError('first byte', 'the client does not speak frp')
    }
  }
}

function permitWithoutTls(isWebsocket: boolean, { allowPlain, websocketPolicy }: TransportRules): void {
  if (allowPlain || (isWebsocket && websocketPolicy === 'token')) return
  const reason = isWebsocket
    ? 'the websocket brings no TLS of ours, around it or inside it, which HARPOON_FRP_WEBSOCKET=mtls demands'
    : 'the client speaks no TLS, which this server demands'
  throw new ConnectionRefusedError('tls', reason)
}
