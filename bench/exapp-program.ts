// An ExApp that costs little, so that the core it shares with the load generator is not what limits a run.
// node bench/exapp-program.ts <unix socket> <microseconds that it computes for each page>
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

const page = Buffer.alloc(1024, 'x')
const block = Buffer.alloc(64 * 1024, 'x')

/** Longer than any pause between two measurements, so that no kept connection ends just when it is used again. */
const keepAliveTimeout = 600_000

const computeMs = Number(process.argv[3]) / 1000

const server = createServer({ requestTimeout: 0, keepAliveTimeout }, (request, response) => {
  // Bare proxies leave the prefix on, the data plane takes it off.
  const [path = '', search = ''] = (request.url ?? '').replace(/^\/exapps\/[^/]+/, '').split('?', 2)
  if (path === '/upload') request.on('end', () => sendPage(response)).resume()
  else if (path === '/download') sendBytes(response, Number(new URLSearchParams(search).get('bytes')))
  else {
    compute()
    sendPage(response)
  }
})

const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request: IncomingMessage, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (peer) => {
    peer.on('message', (message, isBinary) => peer.send(message, { binary: isBinary }))
    peer.on('error', () => {}) // its client was ended
  })
})

server.listen(process.argv[2], () => console.log('listening'))

function compute(): void {
  const until = performance.now() + computeMs
  while (performance.now() < until);
}

function sendPage(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': page.length })
  response.end(page)
}

function sendBytes(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes })
  let left = bytes
  const send = (): void => {
    while (left > 0) {
      const part = left >= block.length ? block : block.subarray(0, left)
      left -= part.length
      if (!response.write(part)) {
        response.once('drain', send)
        return
      }
    }
    response.end()
  }
  send()
}
