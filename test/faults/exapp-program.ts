// An ExApp that can be stopped and killed. It says on its output what becomes of each request, by the name that ends its path.
// node exapp-program.ts <unix socket>
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { WebSocketServer } from 'ws'
import { hashStream } from '../tunnel/hashes.ts'
import { pacedContentOf } from './content.ts'

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  const [, kind = '', name = ''] = (request.url ?? '').split('/')
  if (name !== '') {
    console.log(`${kind} ${name} began`)
    response.once('close', () => console.log(`${kind} ${name} ${response.writableFinished ? 'was answered' : 'was aborted'}`))
  }
  // The usual failure is a caller that went away: then there is nobody to tell.
  answer(kind, request, response).catch(() => response.destroy())
})

async function answer(kind: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (kind) {
    case 'download':
      return pipeline(Readable.from(pacedContentOf('download'), { objectMode: false }), response)
    case 'upload':
      response.end(await hashStream(request))
      return
    case 'events':
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      return pipeline(Readable.from(events()), response)
    case 'silence':
      return
    default:
      response.end('ok')
  }
}

async function* events(): AsyncGenerator<string> {
  for await (const piece of pacedContentOf('events')) yield `data: ${piece.toString('base64')}\n\n`
}

const webSockets = new WebSocketServer({ server })
webSockets.on('connection', (peer, request) => {
  const name = request.url?.split('/')[2] ?? ''
  console.log(`websocket ${name} began`)
  peer.on('message', (message, isBinary) => peer.send(message, { binary: isBinary }))
  peer.on('error', () => {}) // its client was ended, which is told as 'close'
  peer.on('close', (code) => console.log(`websocket ${name} ${code === 1000 ? 'was answered' : 'was aborted'}`))
})

server.listen(process.argv[2], () => console.log('listening'))
