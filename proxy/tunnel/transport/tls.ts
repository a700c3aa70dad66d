import { constants } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer } from 'node:tls'
import type { Server, TLSSocket } from 'node:tls'
import { ConnectionRefusedError } from '../errors.ts'

/** PEM texts. `ca` may hold several certificates: each is trusted to have signed clients'. Without it no client is asked for one. */
export interface TunnelTls {
  readonly ca?: string
  readonly cert: string
  readonly key: string
}

/** A stream behind TLS, and the subject of the client's certificate where one was demanded. */
export interface SecuredStream {
  readonly stream: TLSSocket
  readonly certificate: string | undefined
}

/** Ends TLS on streams that were accepted elsewhere, and demands a client certificate signed by `ca` if there is one. */
export interface TlsTerminator {
  /** @throws ConnectionRefusedError when the handshake fails or takes too long */
  secure(stream: Duplex): Promise<SecuredStream>
  /** Certificates for the handshakes to come; connections that are open keep what they have. */
  setTls(tls: TunnelTls): void
}

interface Handshake {
  resolve(socket: TLSSocket): void
  reject(error: Error): void
}

/** @throws Error from OpenSSL when a PEM text cannot be used */
export function createTlsTerminator(tls: TunnelTls, handshakeTimeoutMs: number): TlsTerminator {
  let current = tls
  const newServer = () => {
    // A server that never listens: streams are handed to it once sniffed. A bare TLSSocket with the same options would let
    // in a client whose certificate is not trusted; only tls.Server looks at the verdict of the verification.
    return createServer({
      ...contextOptions(current),
      requestCert: current.ca !== undefined,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeTimeoutMs,
    })
  }
  const shared = newServer()
  const secureSocket = handshakesOn(shared, connectionKey)

  return {
    secure: async (stream) => {
      // Inside a websocket there are no addresses to tell handshakes apart, so each has a server of its own (0.7 ms).
      const secureOne = stream instanceof Socket ? secureSocket : handshakesOn(newServer(), () => 'the only one')
      const secured = await secureOne(stream)
      return { stream: secured, certificate: secured.getPeerX509Certificate()?.subject }
    },
    setTls: (next) => {
      shared.setSecureContext(contextOptions(next))
      current = next
    },
  }
}

/** tls.Server does not say which stream a TLSSocket came from: `keyOf` tells, the same for both. */
function handshakesOn(server: Server, keyOf: (stream: Duplex) => string): (stream: Duplex) => Promise<TLSSocket> {
  const handshakes = new Map<string, Handshake>()
  server.on('secureConnection', (secured) => {
    secured.on('error', () => {}) // is followed by 'close'; without a listener a reset at the wrong moment ends the process
    const handshake = handshakes.get(keyOf(secured))
    if (handshake) handshake.resolve(secured)
    else secured.destroy()
  })
  server.on('tlsClientError', (error, secured) => {
    handshakes.get(keyOf(secured))?.reject(error)
    secured.destroy()
  })
  return (stream) =>
    new Promise((resolve, reject) => {
      const key = keyOf(stream)
      const settle = () => {
        handshakes.delete(key)
        stream.off('close', onClose)
      }
      const refuse = (cause?: Error) => {
        settle()
        reject(new ConnectionRefusedError('tls', describe(cause), { cause }))
      }
      const onClose = () => refuse()
      handshakes.set(key, {
        resolve: (secured) => {
          settle()
          resolve(secured)
        },
        reject: refuse,
      })
      stream.on('close', onClose)
      if (stream.destroyed) onClose()
      else server.emit('connection', stream)
    })
}

// No session tickets: a resumed session would skip the check against a CA that has been replaced since. And one handshake is all.
function contextOptions(tls: TunnelTls) {
  return { ...tls, secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION }
}

/** The four numbers of a TCP connection, which a TLSSocket has from the socket below it. */
function connectionKey(socket: Duplex): string {
  if (!(socket instanceof Socket)) return 'not a socket'
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`
}

function describe(cause: Error | undefined): string {
  // tls.Server says nothing when it turns an untrusted certificate away.
  if (!cause) return 'TLS handshake failed: the client gave up, or its certificate is not signed by our CA'
  const code = 'code' in cause ? String(cause.code) : cause.message
  return `TLS handshake failed: ${code}`
}
