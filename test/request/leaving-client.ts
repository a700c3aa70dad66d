import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Duplex } from 'node:stream'

/** A client of HTTP/1.1 that can go in every way that a client goes. */
export interface LeavingClient {
  /** Resolves when the last byte is taken, be it by the kernel. */
  write(text: string): Promise<void>
  /** Waits until this was received. */
  until(text: string): Promise<void>
  /** Reads no more. */
  pause(): void
  /** Sends until nothing is taken any more; resolves when nothing was for a while. */
  pour(): Promise<void>
  /** `closes`: as when its process ends, with what is on its way and an end behind it; `resets`: as when that had unread bytes. */
  leave(how: 'closes' | 'resets'): void
}

/** Connects to a port on loopback. */
export async function connectToLeave(port: number, secure: boolean): Promise<LeavingClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {})
  await once(socket, 'connect')
  const client: Duplex = secure ? await handshake(socket) : socket
  let received = ''
  client.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  return {
    write: (text) => new Promise((resolve, reject) => void client.write(text, 'latin1', (error) => (error ? reject(error) : resolve()))),
    until: async (text) => {
      while (!received.includes(text)) await once(client, 'data')
    },
    pause: () => void client.pause(),
    pour: () => pour(client, socket),
    leave: (how) => void (how === 'closes' ? socket.destroy() : socket.resetAndDestroy()),
  }
}

async function handshake(socket: Socket): Promise<Duplex> {
  const secured = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }).on('error', () => {})
  await once(secured, 'secureConnect')
  return secured
}

/** How long nothing may be taken before it is over. */
const stillMs = 700

async function pour(client: Duplex, socket: Socket): Promise<void> {
  const block = Buffer.alloc(64 * 1024, 'x')
  let lastTaken = performance.now()
  const more = (): void =>
    void client.write(block, (error) => {
      if (error) return
      lastTaken = performance.now()
      more()
    })
  more()
  while (!socket.destroyed && performance.now() - lastTaken < stillMs) await new Promise((resolve) => setTimeout(resolve, 50))
}
