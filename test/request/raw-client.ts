import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client that writes exactly the bytes it is told to, and keeps those that come back. */
export interface RawClient {
  readonly socket: Socket
  /** Writes text as latin1: one character, one byte. */
  write(text: string | Buffer): void
  /** Everything received, as latin1. */
  readonly received: string
  /** Waits until the received bytes contain `text`; rejects when the connection closes without it. */
  until(text: string): Promise<string>
  /** Resolves with everything received when the connection has closed, however it closed. */
  readonly closed: Promise<string>
}

/** Connects to a port on loopback. */
export async function connectRaw(port: number, from?: string): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...(from ? { localAddress: from } : {}) })
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  const received = (): string => Buffer.concat(chunks).toString('latin1')
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {}) // a reset is one of the ways to close
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received())))
  return {
    socket,
    write: (text) => void socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text),
    get received() {
      return received()
    },
    until: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!received().includes(text)) return
          socket.off('data', check)
          resolve(received())
        }
        socket.on('data', check)
        void closed.then((all) => reject(new Error(`closed before ${JSON.stringify(text)} came: ${JSON.stringify(all.slice(0, 500))}`)))
        check()
      }),
    closed,
  }
}

/** Sends these bytes on a connection of their own and returns what comes back until the server closes it. */
export async function exchangeRaw(port: number, text: string | Buffer, from?: string): Promise<string> {
  const client = await connectRaw(port, from)
  client.write(text)
  return client.closed
}
