import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'

/** A running proxy that ends TLS and passes on what is inside, as an Ingress does for wss. */
export interface TlsProxy extends AsyncDisposable {
  readonly port: number
}

/** `header`: a line that it adds to each request's head, as proxies say whom they speak for. */
export async function startTlsProxy(targetPort: number, header?: string): Promise<TlsProxy> {
  const sockets = new Set<TLSSocket>()
  const server = createServer(await makeThrowAwayCertificate(Date.now()), (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const target = connect(targetPort, '127.0.0.1')
    if (header === undefined) socket.pipe(target)
    else socket.once('data', (head: Buffer) => {
      target.write(head.toString('latin1').replace('\r\n', `\r\n${header}\r\n`), 'latin1')
      socket.pipe(target)
    })
    target.pipe(socket)
    socket.on('error', () => {}).on('close', () => target.destroy()) // either end may go at any time
    target.on('error', () => {}).on('close', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
