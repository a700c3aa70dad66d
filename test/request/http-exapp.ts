import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface HttpExApp {
  /** 0 on a unix socket. */
  readonly port: number
  readonly server: Server
  close(): Promise<void>
}

/** An ExApp made of one request handler, for what the stand-in's paths do not cover; it has a port unless given a unix socket. */
export async function startHttpExApp(onRequest: RequestListener, unixSocket?: string): Promise<HttpExApp> {
  const server = createServer({ requestTimeout: 0, highWaterMark: 64 * 1024 }, onRequest)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  if (unixSocket === undefined) server.listen(0, '127.0.0.1')
  else server.listen(unixSocket)
  await once(server, 'listening')
  const address = server.address() as AddressInfo | string
  return {
    port: typeof address === 'string' ? 0 : address.port,
    server,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy() // upgraded ones included, which Node no longer counts
      await closed
    },
  }
}
