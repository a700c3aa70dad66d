import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { answerRaw } from './bad-http.ts'
import { FirstBytes } from './first-bytes.ts'
import type { HttpConnections } from './http-connections.ts'
import { createHttp1Server, headCheckMs, type Http1ServerOptions, type HttpsCertificate } from './http1-server.ts'
import { Http2Sessions } from './http2-sessions.ts'
import { type OpenExchangeOptions, openExchange } from './request/open-exchange.ts'
import type { Pipeline } from './request/pipeline.ts'
import type { ListenAddress } from './settings/listen-address.ts'

export interface HttpListenerOptions extends OpenExchangeOptions, Pick<Http1ServerOptions, 'onRefused' | 'clientMs' | 'pipelined' | 'onLimit' | 'unread'> {
  readonly listen: ListenAddress
  /** Present: HTTPS. */
  readonly tls?: HttpsCertificate | undefined
  readonly pipeline: Pipeline
  /** Counts the connections of all listeners. */
  readonly connections: HttpConnections
}

/** By what is spoken on them; `undecided`: nothing yet, not even the end of a TLS handshake. `upgraded` ones have left HTTP. */
export type ConnectionCounts = Readonly<Record<'undecided' | 'http1' | 'http2' | 'upgraded', number>>

export interface HttpListener {
  readonly port: number
  /** Connections that are open now. */
  countConnections(): ConnectionCounts
  /** Certificate for connections to come; those that are open keep theirs. Throws when it cannot be used. */
  setTls(tls: HttpsCertificate): void
  /** The client's time limit, for connections to come and those that are there. */
  setClientMs(clientMs: number): void
  /** Takes no more connections; requests that run are finished, idle connections closed. Resolves when all are gone. */
  drain(): Promise<void>
  /** Ends what is left at once. */
  destroy(): void
}

/**
 * Listens for HTTP/1.1 and HTTP/2 on one port: over TLS the client chooses (ALPN), without it HTTP/2's first bytes tell
 * (prior knowledge). Every request becomes an `Exchange` and goes through the pipeline.
 */
export async function startHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const { listen, tls, pipeline, connections, onRefused, pipelined, onLimit, unread } = options
  let { clientMs } = options
  const onRequest: Http1ServerOptions['onRequest'] = (carrier, extra) => void pipeline(openExchange(carrier, extra, options))
  const http1 = createHttp1Server({ tls, clientMs, onRequest, onRefused, pipelined, onLimit, unread })
  const http2 = new Http2Sessions({ onRequest: (carrier, expectsContinue) => onRequest(carrier, { upgrade: undefined, expectsContinue }), onRefused })
  const { server } = http1
  const beginHttp1 = takeOver(server, tls ? 'secureConnection' : 'connection', (socket) => {
    if (!(socket instanceof TLSSocket)) undecided.watch(socket)
    else if (socket.alpnProtocol === 'h2') http2.accept(socket)
    else serveHttp1(socket)
  })
  let open = 0
  const begin = takeOver(server, 'connection', (socket) => {
    if (connections.admit(socket)) {
      open += 1
      socket.once('close', () => (open -= 1))
      return begin(socket)
    }
    onRefused(503)
    if (tls) socket.destroy() // a handshake would cost more than it is to save
    else answerRaw(socket.on('error', () => {}), 503, 'too many connections')
  })
  let http1Count = 0
  const serveHttp1 = (socket: Socket): void => {
    http1Count += 1
    socket.once('close', () => (http1Count -= 1))
    beginHttp1(socket)
  }
  const onSilent = (socket: Socket): void => {
    onRefused(408)
    answerRaw(socket, 408, 'the request head did not come in time')
  }
  const undecided = new FirstBytes({ onHttp1: serveHttp1, onHttp2: (socket) => http2.accept(socket), onSilent })
  const limits = setInterval(() => {
    undecided.expire(clientMs)
    http2.closeIdle(clientMs)
  }, headCheckMs)
  server.once('close', () => clearInterval(limits))

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.off('error', reject)
      resolve()
    })
  }).catch((error: unknown) => {
    clearInterval(limits)
    throw error
  })
  return {
    port: (server.address() as AddressInfo).port,
    countConnections: () => {
      const { upgradedCount: upgraded } = http1
      return { undecided: open - http1Count - http2.count, http1: http1Count - upgraded, http2: http2.count, upgraded }
    },
    setTls: (next) => http1.setTls(next),
    setClientMs: (milliseconds) => {
      clientMs = milliseconds
      http1.setClientMs(milliseconds)
    },
    drain: () =>
      new Promise((resolve) => {
        const closeIdle = (): void => {
          server.closeIdleConnections()
          undecided.destroy()
        }
        // A connection that was busy a moment ago becomes idle without anybody saying so.
        const sweep = setInterval(closeIdle, 100)
        server.close(() => {
          clearInterval(sweep)
          resolve()
        })
        closeIdle()
        http2.close()
      }),
    destroy: () => {
      undecided.destroy()
      http2.destroy()
      http1.destroy()
    },
  }
}

/** Has new connections decided about first. Gives back what Node's server does with them itself: it takes each for HTTP/1.1. */
function takeOver(server: Server, event: 'connection' | 'secureConnection', decide: (socket: Socket) => void): (socket: Socket) => void {
  const own = server.listeners(event)
  server.removeAllListeners(event)
  server.on(event, decide)
  return (socket) => {
    for (const listener of own) Reflect.apply(listener, server, [socket])
  }
}
