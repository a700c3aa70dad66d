import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { ConnectionRefusedError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'
import { WebsocketStream } from './websocket-stream.ts'

/** The only path there is; an Ingress may have escaped its two odd characters. */
const PATH = '/~!frp'

/** frpc's request has seven short headers, and proxies add some. */
const MAX_HEAD_BYTES = 8192

/** What RFC 6455 §4.2.2 has the server append to the client's key. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What a request says of whom it was passed on for; to be believed of proxies only. */
export interface Forwarding {
  /** All `X-Forwarded-For` lines, joined with commas in their order. */
  readonly forwardedFor: string | undefined
  readonly realIp: string | undefined
}

export interface UpgradedWebsocket {
  readonly stream: FrpStream
  readonly forwarding: Forwarding
}

/** Turns an HTTP connection into a websocket. @throws ConnectionRefusedError when the client asks for anything else */
export type UpgradeWebsocket = (stream: FrpStream) => Promise<UpgradedWebsocket>

interface Pending {
  resolve(stream: FrpStream, request: IncomingMessage): void
  isAnswered: boolean
  refusal: string
}

/** `isOpen: false` answers every request with 404. */
export function createWebsocketUpgrade({ timeoutMs, isOpen }: { readonly timeoutMs: number; readonly isOpen: boolean }): UpgradeWebsocket {
  const waiting = new WeakMap<Duplex, Pending>()
  // A server that never listens, for its parser: streams are handed to it once sniffed.
  const server = createServer({ maxHeaderSize: MAX_HEAD_BYTES, insecureHTTPParser: false })
  const refuse = (socket: Duplex, status: string) => {
    const pending = waiting.get(socket)
    if (!pending || pending.isAnswered) return // a second request on a connection that is about to end
    pending.isAnswered = true
    pending.refusal = `an HTTP request was answered with ${status}`
    const text = `${status}: this port is for frp\n`
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    socket.once('finish', () => socket.destroy())
  }
  server.on('request', ({ socket }) => refuse(socket, '404 Not Found'))
  server.on('connect', (_request, socket) => refuse(socket, '404 Not Found'))
  server.on('checkContinue', ({ socket }) => refuse(socket, '404 Not Found'))
  server.on('clientError', (_error, socket) => refuse(socket, '400 Bad Request'))
  server.on('upgrade', (request, socket, head) => {
    const pending = waiting.get(socket)
    if (!pending || pending.isAnswered) return
    if (!isOpen || !isPath(request)) refuse(socket, '404 Not Found')
    else if (!isHandshake(request)) refuse(socket, '400 Bad Request')
    else {
      pending.isAnswered = true
      if (head.length > 0) socket.unshift(head)
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${KEY_SUFFIX}`).digest('base64')
      // `Connection` is this one word: frpc takes no list. No extension and no subprotocol is offered either.
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
      pending.resolve(socket as FrpStream, request) // what came in below
    }
  })

  return (stream) =>
    new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        stream.off('close', onClose)
        waiting.delete(stream)
      }
      const pending: Pending = {
        isAnswered: false,
        refusal: 'the client closed before it had asked for a websocket',
        resolve: (upgraded, { headers }) => {
          settle()
          const [realIp] = [headers['x-real-ip']].flat()
          resolve({ stream: new WebsocketStream(upgraded), forwarding: { forwardedFor: [headers['x-forwarded-for']].flat().join(',') || undefined, realIp } })
        },
      }
      const onClose = () => {
        settle()
        reject(new ConnectionRefusedError('websocket', pending.refusal))
      }
      const timer = setTimeout(() => {
        pending.refusal = 'no whole HTTP request came in time'
        stream.destroy()
      }, timeoutMs)
      waiting.set(stream, pending)
      stream.on('close', onClose)
      if (stream.destroyed) onClose()
      else server.emit('connection', stream)
    })
}

function isPath({ url = '' }: IncomingMessage): boolean {
  const [path = ''] = url.split('?', 1)
  return path.replace(/%7e/i, '~').replace('%21', '!') === PATH
}

function isHandshake({ method, headers }: IncomingMessage): boolean {
  const isKey = /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-version'] === '13' && isKey
}
