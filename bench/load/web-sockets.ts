import { once } from 'node:events'
import { WebSocket } from 'ws'
import { percentile } from '../statistics.ts'

/** Where WebSockets are opened, and as whom. */
export interface WebSocketTarget {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What came of an echo run. */
export interface EchoRun {
  readonly messages: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A chat line or a change of a document: what ExApps send. */
const message = 'x'.repeat(128)

/** A handshake that takes longer will not be answered. */
const handshakeTimeout = 10_000

/** Opens one. @throws Error when it is refused */
export async function openWebSocket({ url, headers }: WebSocketTarget): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers, perMessageDeflate: false, handshakeTimeout })
  await once(socket, 'open')
  return socket
}

/** Handshakes at once: fewer than the backlog of any listener on the way. */
const batch = 50

/** Opens so many, or as many as there are until the first one is refused; disposing of them closes all. */
export async function openWebSockets(target: WebSocketTarget, wanted: number): Promise<AsyncDisposable & { readonly count: number }> {
  const sockets: WebSocket[] = []
  let isRefused = false
  while (sockets.length < wanted && !isRefused) {
    const size = Math.min(batch, wanted - sockets.length)
    for (const opened of await Promise.allSettled(Array.from({ length: size }, () => openWebSocket(target)))) {
      if (opened.status === 'fulfilled') sockets.push(opened.value.on('error', () => {})) // a killed server ends them
      else isRefused = true
    }
  }
  const close = async (): Promise<void> => {
    const closed = sockets.map((socket) => once(socket, 'close'))
    for (const socket of sockets) socket.close()
    await Promise.all(closed)
  }
  return { count: sockets.length, [Symbol.asyncDispose]: close }
}

/** Each connection sends a message, waits for its echo, and sends the next, until the time is over. */
export async function echo(target: WebSocketTarget, { connections, seconds }: { readonly connections: number; readonly seconds: number }): Promise<EchoRun> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => openWebSocket(target)))
  const started = performance.now()
  const deadline = started + seconds * 1000
  const times: number[] = []
  await Promise.all(sockets.map((socket) => echoUntil(socket, deadline, times)))
  const elapsed = performance.now() - started
  for (const socket of sockets) socket.terminate()
  return { messages: times.length, seconds: elapsed / 1000, p50Ms: percentile(times, 50), p99Ms: percentile(times, 99) }
}

function echoUntil(socket: WebSocket, deadline: number, times: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = performance.now()
    socket.on('message', () => {
      const now = performance.now()
      times.push(now - sentAt)
      if (now >= deadline) return resolve()
      sentAt = now
      socket.send(message)
    })
    socket.on('error', reject).on('close', () => reject(new Error('a WebSocket was closed during the run')))
    socket.send(message)
  })
}
