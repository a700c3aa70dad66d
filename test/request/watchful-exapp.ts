import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'

/** One request at an ExApp that looks after its connection even where it does not read from it. */
export interface WatchedRequest {
  readonly url: string
  ended: boolean
  /** Reads what it has left unread, up to the end. */
  readonly readOn: () => void
}

export interface WatchfulExApp extends HttpExApp {
  readonly requests: readonly WatchedRequest[]
}

/** How often it looks: it writes nothing, which fails once the connection was reset. */
const lookMs = 50

const block = Buffer.alloc(64 * 1024, 'x')

/** What it does with a request or an upgrade, by path; nothing where none is named. It reads only where it says so. */
const answers: Readonly<Record<string, (response: ServerResponse, request: IncomingMessage) => void>> = {
  '/read': (_response, request) => void request.resume(),
  '/event': (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
  '/endless': (response) => pourInto(response),
  '/half': (response) => void response.writeHead(200, { 'content-length': 10 }).write('half'),
}

const upgrades: Readonly<Record<string, (socket: Duplex) => void>> = {
  '/unread-socket': (socket) => void socket.write(switching),
  '/idle-socket': (socket) => void socket.resume().write(switching),
  '/flooding-socket': (socket) => {
    socket.resume().write(switching)
    pourInto(socket)
  },
  '/plain': (socket) => {
    socket.resume().write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n')
    pourInto(socket)
  },
  '/half-plain': (socket) => void socket.resume().write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
  '/large-plain': (socket) => void socket.resume().end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${block.length * 64}\r\n\r\n`), ...Array.from({ length: 64 }, () => block)])),
}

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

export async function startWatchfulExApp(unixSocket?: string): Promise<WatchfulExApp> {
  const requests: WatchedRequest[] = []
  const watch = (incoming: IncomingMessage, socket: Duplex): void => {
    const request = { url: incoming.url ?? '', ended: false, readOn: () => void (socket.resume(), incoming.resume()) }
    requests.push(request)
    const look = setInterval(() => socket.writable && socket.write(''), lookMs)
    const onEnd = (): void => {
      clearInterval(look)
      request.ended = true
      socket.destroy()
    }
    socket.once('close', onEnd).once('end', onEnd).on('error', () => {})
  }
  const exApp = await startHttpExApp((request, response) => {
    watch(request, request.socket)
    answers[request.url ?? '']?.(response, request)
  }, unixSocket)
  exApp.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    watch(request, socket)
    const upgrade = upgrades[request.url ?? '']
    if (upgrade) upgrade(socket)
    else socket.resume()
  })
  return { ...exApp, requests }
}

function pourInto(to: Duplex | ServerResponse): void {
  const more = (): void => {
    while (!to.destroyed && to.write(block));
  }
  to.on('drain', more)
  more()
}
