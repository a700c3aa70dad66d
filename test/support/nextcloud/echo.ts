import { createHash } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { answerJson, pathOf } from './reply.ts'

/** Reports what arrived at `/echo…`: for tests of what a front passes on to Nextcloud. */
export async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    length += (chunk as Buffer).length
  }
  answerJson(response, 200, {
    method: request.method,
    url: request.url,
    rawHeaders: request.rawHeaders,
    body: { length, sha256: hash.digest('hex') },
  })
}

/** Serves an echoing WebSocket at `/push/ws`, where Nextcloud's notify_push has its own. */
export function serveNotifications(server: Server, seen: (request: IncomingMessage) => void): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true })
  sockets.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
  })
  server.on('upgrade', (request, socket, head) => {
    seen(request)
    if (pathOf(request) === '/push/ws') {
      sockets.handleUpgrade(request, socket, head, (peer) => sockets.emit('connection', peer, request))
    } else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  server.on('close', () => {
    for (const peer of sockets.clients) peer.terminate()
  })
  return sockets
}
