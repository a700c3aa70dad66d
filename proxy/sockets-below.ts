import type { Server } from 'node:https'
import type { Socket } from 'node:net'

/** Finds the TCP connection below a TLS one, which Node does not show. */
export class SocketsBelow {
  readonly #byPeer = new Map<string, Socket>()

  constructor(server: Server) {
    server.prependListener('connection', (socket: Socket) => {
      const peer = peerOf(socket)
      this.#byPeer.set(peer, socket)
      socket.once('close', () => this.#byPeer.delete(peer))
    })
  }

  of(socket: Socket): Socket | undefined {
    return this.#byPeer.get(peerOf(socket))
  }
}

/** The server's own address may be any of several. */
const peerOf = ({ remoteAddress, remotePort, localAddress }: Socket): string => `${remoteAddress} ${remotePort} ${localAddress}`
