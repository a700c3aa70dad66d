import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { ConnectionRefusedError } from '../errors.ts'

/** PEM texts. `ca` may hold several certificates: each is trusted to have signed clients'. Without it no client is asked for one. */
export interface TunnelTls {
  readonly ca?: string
  readonly cert: string
  readonly key: string
}

/** Ends TLS on sockets that were accepted elsewhere, and demands a client certificate signed by `ca` if there is one. */
export interface TlsTerminator {
  /** @throws ConnectionRefusedError when the handshake fails or takes too long */
  secure(socket: Socket): Promise<TLSSocket>
  /** Certificates for the handshakes to come; connections that are open keep what they have. */
  setTls(tls: TunnelTls): void
}

interface Handshake {
  resolve(socket: TLSSocket): void
  reject(error: Error): void
}

/** @throws Error from OpenSSL when a PEM text cannot be used */
export function createTlsTerminator(tls: TunnelTls, handshakeTimeoutMs: number): TlsTerminator {
  // A server that never listens: sockets are handed to it once sniffed. A bare TLSSocket with the same options would let
  // in a client whose certificate is not trusted; only tls.Server looks at the verdict of the verification.
  const server = createServer({
    ...contextOptions(tls),
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeTimeoutMs,
  })
  // tls.Server does not say which socket a TLSSocket came from; the four numbers of a TCP connection do.
  const handshakes = new Map<string, Handshake>()

  server.on('secureConnection', (secured) => {
    secured.on('error', () => {}) // is followed by 'close'; without a listener a reset at the wrong moment ends the process
    const handshake = handshakes.get(connectionKey(secured))
    if (handshake) handshake.resolve(secured)
    else secured.destroy()
  })
  server.on('tlsClientError', (error, secured) => {
    handshakes.get(connectionKey(secured))?.reject(error)
    secured.destroy()
  })

  return {
    secure: (socket) =>
      new Promise((resolve, reject) => {
        const key = connectionKey(socket)
        const settle = () => {
          handshakes.delete(key)
          socket.off('close', onClose)
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
        socket.on('close', onClose)
        if (socket.destroyed) onClose()
        else server.emit('connection', socket)
      }),
    setTls: (next) => server.setSecureContext(contextOptions(next)),
  }
}

// No session tickets: a resumed session would skip the check against a CA that has been replaced since.
function contextOptions(tls: TunnelTls) {
  return { ...tls, secureOptions: constants.SSL_OP_NO_TICKET }
}

function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`
}

function describe(cause: Error | undefined): string {
  // tls.Server says nothing when it turns an untrusted certificate away.
  if (!cause) return 'TLS handshake failed: the client gave up, or its certificate is not signed by our CA'
  const code = 'code' in cause ? String(cause.code) : cause.message
  return `TLS handshake failed: ${code}`
}
