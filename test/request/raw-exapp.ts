import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** One request head as it came, and the socket to answer on. */
export interface RawRequest {
  /** Request line and header lines as latin1, without the empty line. */
  readonly head: string
  readonly socket: Socket
  /** Counts the requests of all connections, from 1. */
  readonly number: number
  /** Counts the requests of this connection, from 1. */
  readonly numberOnConnection: number
  /** Writes text as latin1: one character, one byte. */
  answer(text: string): void
}

/** An ExApp that answers with exactly the bytes it is told to: for what no well-behaved server sends. */
export interface RawExApp {
  readonly port: number
  readonly requests: readonly RawRequest[]
  readonly connectionCount: number
  /** Connections that are open now. */
  readonly openCount: number
  close(): Promise<void>
}

/** Starts it; `onRequest` is called for each request head. Request bodies are not read as such: what follows a head is looked at for the next head. */
export async function startRawExApp(onRequest: (request: RawRequest) => void): Promise<RawExApp> {
  const requests: RawRequest[] = []
  const open = new Set<Socket>()
  let connectionCount = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connectionCount += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => {})
    let pending = ''
    let numberOnConnection = 0
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1')
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0 && !socket.destroyed; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end)
        pending = pending.slice(end + 4)
        numberOnConnection += 1
        const answer = (text: string): void => void socket.write(Buffer.from(text, 'latin1'))
        const request = { head, socket, number: requests.length + 1, numberOnConnection, answer }
        requests.push(request)
        onRequest(request)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connectionCount() {
      return connectionCount
    },
    get openCount() {
      return open.size
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
