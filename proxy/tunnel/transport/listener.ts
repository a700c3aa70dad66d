import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A listening TCP port and the sockets that came in through it. */
export interface Listener {
  readonly address: AddressInfo
  /** Takes no more connections; those that are open stay. */
  stop(): void
  /** Destroys what is still open. */
  close(): Promise<void>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly onConnection: (socket: Socket) => void
  readonly onError: (error: Error) => void
}

/** @throws Error from the operating system when the port cannot be had */
export async function listen({ host, port, onConnection, onError }: ListenOptions): Promise<Listener> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {}) // a reset is followed by 'close', which everybody who uses the socket listens to
    onConnection(socket)
  })
  server.listen(port, host)
  await once(server, 'listening')
  server.on('error', onError)
  const closed = once(server, 'close')
  const stop = () => {
    if (server.listening) server.close()
  }
  return {
    address: server.address() as AddressInfo, // a string only for a unix socket
    stop,
    close: async () => {
      stop()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
