import { createServer as createHttpServer, type IncomingMessage, ServerResponse, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerRaw, maxHeadBytes, refuseAtOnce, refuseBadHttp } from './bad-http.ts'
import type { Exchange } from './request/exchange.ts'
import { Http1Carrier } from './request/http1-carrier.ts'
import { type OpenExchangeOptions, openExchange } from './request/open-exchange.ts'
import type { Pipeline } from './request/pipeline.ts'
import type { ListenAddress } from './settings/listen-address.ts'

/** HaRP's number (contract §10). */
const maxHeaders = 100

/** How often connections are looked at for slow heads: a limit is exceeded by this much at most. */
const headCheckMs = 1_000

/** Payload read from a socket at once; larger pieces mean fewer steps per byte on uploads. */
const readBytes = 64 * 1024

export interface HttpListenerOptions extends OpenExchangeOptions {
  readonly listen: ListenAddress
  /** Present: HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  readonly pipeline: Pipeline
  /** Told of each answer to what never became a request: bad HTTP, too long, too slow. */
  readonly onRefused: (status: number) => void
  /** How long a client may take for a whole request head, and stay idle between requests, in milliseconds. */
  readonly clientMs: number
}

export interface HttpListener {
  readonly port: number
  /** Certificate for connections to come; those that are open keep theirs. Throws when it cannot be used. */
  setTls(tls: NonNullable<HttpListenerOptions['tls']>): void
  /** The client's time limit, for connections to come and those that are there. */
  setClientMs(clientMs: number): void
  /** Takes no more connections; requests that run are finished, idle connections closed. Resolves when all are gone. */
  drain(): Promise<void>
  /** Ends what is left at once. */
  destroy(): void
}

/** Listens for HTTP or HTTPS; every request becomes an `Exchange` and goes through the pipeline. */
export async function startHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const { listen, tls, pipeline, clientMs } = options
  const serverOptions: ServerOptions = {
    maxHeaderSize: maxHeadBytes,
    headersTimeout: clientMs, // for the whole head: a client that drips lines is cut as well (HaRP contract §10)
    requestTimeout: 0, // uploads take as long as they move
    keepAliveTimeout: clientMs,
    connectionsCheckingInterval: headCheckMs,
    highWaterMark: readBytes,
    noDelay: true,
    shouldUpgradeCallback: isUpgrade,
  }
  const secure = tls && createHttpsServer({ ...serverOptions, ...tls })
  const server: Server = secure ?? createHttpServer(serverOptions)
  // Node would drop headers beyond its own limit in silence; we count and refuse.
  server.maxHeadersCount = 0
  const upgraded = new Set<Duplex>()
  /** The newest reply on each connection: bad HTTP cannot be answered in the middle of one. */
  const replies = new WeakMap<Duplex, ServerResponse>()

  const refuse = (reply: ServerResponse, status: number, reason: string): void => {
    options.onRefused(status)
    refuseAtOnce(reply, status, reason)
  }
  const run = (incoming: IncomingMessage, reply: ServerResponse, extra: Pick<Exchange, 'upgrade' | 'expectsContinue'>): void => {
    if (incoming.rawHeaders.length > maxHeaders * 2) return refuse(reply, 400, `more than ${maxHeaders} headers`)
    replies.set(incoming.socket, reply)
    void pipeline(openExchange(new Http1Carrier(incoming, reply), extra, options))
  }
  server.on('request', (incoming, reply) => run(incoming, reply, { upgrade: undefined, expectsContinue: false }))
  server.on('checkContinue', (incoming, reply) => run(incoming, reply, { upgrade: undefined, expectsContinue: true }))
  server.on('checkExpectation', (_incoming, reply: ServerResponse) => refuse(reply, 417, 'the only expectation that is met is 100-continue'))
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, firstBytes: Buffer) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    socket.on('error', () => {}) // a visitor's lost connection; whoever uses the socket sees it end
    const reply = replyOn(incoming, socket)
    run(incoming, reply, { upgrade: { incoming, reply, socket, firstBytes }, expectsContinue: false })
  })
  server.on('connect', (_incoming: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {}) // Node's own listener is gone by now; a reset would end this process
    options.onRefused(405)
    answerRaw(socket, 405, 'this is no forward proxy')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = refuseBadHttp(error, socket, replies.get(socket))
    if (status !== undefined) options.onRefused(status)
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: listen.host, port: listen.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    setTls: (next) => secure?.setSecureContext(next),
    setClientMs: (milliseconds) => {
      server.headersTimeout = milliseconds
      server.keepAliveTimeout = milliseconds
    },
    drain: () =>
      new Promise((resolve) => {
        // A connection that was busy a moment ago becomes idle without anybody saying so.
        const sweep = setInterval(() => server.closeIdleConnections(), 100)
        server.close(() => {
          clearInterval(sweep)
          resolve()
        })
        server.closeIdleConnections()
      }),
    destroy: () => {
      for (const socket of upgraded) socket.destroy()
      server.closeAllConnections()
    },
  }
}

/** An upgrade request comes without a response object; refusals and plain answers need one. The connection ends with it. */
function replyOn(incoming: IncomingMessage, socket: Duplex): ServerResponse {
  const reply = new ServerResponse(incoming)
  reply.shouldKeepAlive = false
  reply.assignSocket(socket as never) // ServerResponse only writes to it
  reply.once('finish', () => {
    reply.detachSocket(socket as never)
    socket.end()
    socket.resume() // so that the visitor's own end is seen, and the socket closes
  })
  return reply
}

/** An offer of HTTP/2 is not a wish to leave HTTP, and a body leaves no doubt that the request is HTTP; everything else goes to the ExApp as it is. */
function isUpgrade({ headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  return headers.upgrade?.toLowerCase() !== 'h2c' && !hasBody
}
