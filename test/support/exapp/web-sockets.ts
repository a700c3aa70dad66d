import type { IncomingMessage, Server } from 'node:http'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { RequestLog } from './request-log.ts'

const defaultIntervalMs = 250

/** Serves `/ws` (echo) and `/counter-ws?intervalMs=100` (1, 2, 3, …); other upgrades get 404. */
export function serveWebSockets(server: Server, log: RequestLog): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true })
  sockets.on('connection', (socket, request: IncomingMessage) => {
    const session = log.webSocket(request)
    socket.on('message', () => {
      session.received += 1
    })
    socket.on('error', () => {}) // a frame that is none; 'close' follows
    socket.on('close', (code) => {
      session.state = 'closed'
      session.closeCode = code
    })
    if (pathOf(request) === '/ws') echoMessages(socket)
    else count(socket, Number(queryOf(request).get('intervalMs') ?? defaultIntervalMs))
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {}) // a reset before the handshake is done
    const path = pathOf(request)
    if (path === '/ws' || path === '/counter-ws') {
      sockets.handleUpgrade(request, socket, head, (peer) => sockets.emit('connection', peer, request))
    } else {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    }
  })
  return sockets
}

function echoMessages(socket: WebSocket): void {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
}

function count(socket: WebSocket, intervalMs: number): void {
  let value = 0
  const timer = setInterval(() => {
    value += 1
    socket.send(String(value))
  }, intervalMs)
  socket.on('close', () => clearInterval(timer))
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?', 1)[0] ?? ''
}

function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams(request.url?.split('?')[1] ?? '')
}
