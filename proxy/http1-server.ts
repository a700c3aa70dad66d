import { createServer as createHttpServer, type IncomingMessage, type Server, ServerResponse, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerRaw, maxHeadBytes, maxHeaders, refuseAtOnce, refuseBadHttp } from './bad-http.ts'
import type { LimitName, OnLimit } from './limit-reached.ts'
import type { Quota } from './quota.ts'
import type { Carrier } from './request/carrier.ts'
import { EarlyBytes } from './request/early-bytes.ts'
import type { Upgrade } from './request/exchange.ts'
import { Http1Carrier } from './request/http1-carrier.ts'
import type { UnreadClients } from './request/unread-clients.ts'
import { SocketsBelow } from './sockets-below.ts'

/** Certificate chain and key, both PEM. */
export interface HttpsCertificate {
  readonly cert: string
  readonly key: string
}

/** How often connections are looked at for slow heads: a limit is exceeded by this much at most. */
export const headCheckMs = 1_000

/** Requests that one connection may have sent ahead of the answers: as many as one of HTTP/2 may have at once. No browser sends any. */
export const maxPipelined = 100

/** Payload read from a socket at once; larger pieces mean fewer steps per byte on uploads. */
const readBytes = 64 * 1024

export interface Http1ServerOptions {
  /** Present: HTTPS, with HTTP/2 offered beside HTTP/1.1. */
  readonly tls: HttpsCertificate | undefined
  /** How long a client may take for a whole request head or TLS handshake, and stay idle between requests, in milliseconds. */
  readonly clientMs: number
  readonly onRequest: (carrier: Carrier, extra: { readonly upgrade: Upgrade | undefined; readonly expectsContinue: boolean }) => void
  /** Told of each answer to what never became a request: bad HTTP, too long, too slow. */
  readonly onRefused: (status: number, limit?: LimitName) => void
  /** Counts the requests that were sent ahead, on all connections. */
  readonly pipelined: Quota
  readonly onLimit: OnLimit
  /** Looks after clients while they are not read from. */
  readonly unread: UnreadClients
}

export interface Http1Server {
  readonly server: Server
  /** Connections that have left HTTP, or asked to. */
  readonly upgradedCount: number
  setTls(tls: HttpsCertificate): void
  setClientMs(clientMs: number): void
  /** Ends all connections at once. */
  destroy(): void
}

/** Where the requests of a connection stand. */
interface Turn {
  /** The newest reply: bad HTTP cannot be answered in the middle of one. */
  reply: ServerResponse
  /** The newest request: its body is what may wait unread. */
  incoming: IncomingMessage
  /** Requests that came before it was their turn. */
  waiting: number
}

/** Node's server for HTTP/1.1, which does not listen yet. */
export function createHttp1Server({ tls, clientMs, onRequest, onRefused, pipelined, onLimit, unread }: Http1ServerOptions): Http1Server {
  const serverOptions: ServerOptions = {
    maxHeaderSize: maxHeadBytes,
    headersTimeout: clientMs, // for the whole head: a client that drips lines is cut as well (HaRP contract §10)
    requestTimeout: 0, // uploads take as long as they move
    keepAliveTimeout: clientMs,
    connectionsCheckingInterval: headCheckMs,
    highWaterMark: readBytes,
    noDelay: true,
    shouldUpgradeCallback: (incoming) => isUpgrade(incoming) || decline(incoming),
  }
  const secure = tls && createHttpsServer({ ...serverOptions, ...tls, handshakeTimeout: clientMs, ALPNProtocols: ['h2', 'http/1.1'] })
  const server: Server = secure ?? createHttpServer(serverOptions)
  // Node would drop headers beyond its own limit in silence; we count and refuse.
  server.maxHeadersCount = 0
  const upgraded = new Set<Socket>()
  const turns = new WeakMap<Duplex, Turn>()
  const below = secure && new SocketsBelow(secure)
  let declined: IncomingMessage | undefined

  function decline(incoming: IncomingMessage): false {
    declined = incoming
    return false
  }
  const refuse = (reply: ServerResponse, status: number, reason: string, limit?: LimitName): void => {
    onRefused(status, limit)
    refuseAtOnce(reply, status, reason)
  }
  const start = (incoming: IncomingMessage, reply: ServerResponse, upgrade: Upgrade | undefined, expectsContinue: boolean): void =>
    onRequest(new Http1Carrier(incoming, reply), { upgrade, expectsContinue })
  const run = (incoming: IncomingMessage, reply: ServerResponse, upgrade: Upgrade | undefined, expectsContinue: boolean): void => {
    if (incoming.rawHeaders.length > maxHeaders * 2) return refuse(reply, 400, `more than ${maxHeaders} headers`, 'request_headers')
    if (incoming.httpVersionMajor < 1) return refuse(reply, 400, 'HTTP/0.9 is not spoken here')
    // Node's parser loses what follows in the same packet as a request that it would have left HTTP for.
    if (incoming === declined) reply.shouldKeepAlive = false
    const { socket } = incoming
    const turn = turns.get(socket)
    if (!turn) {
      const first = { reply, incoming, waiting: 0 }
      lookAfter(socket, first)
      socket.once('close', () => {
        while (first.waiting > 0) leaveQueue(first)
      })
      return start(incoming, reply, upgrade, expectsContinue)
    }
    const { reply: previous } = turn
    turn.reply = reply
    turn.incoming = incoming
    if (previous.writableFinished || previous.destroyed) return start(incoming, reply, upgrade, expectsContinue)
    // The one before may change what this one finds (RFC 9112 §9.3.2), and nobody shall have more than one here by sending ahead.
    if (!mayWait(turn)) return void socket.destroy()
    previous.once('close', () => {
      leaveQueue(turn)
      if (!socket.destroyed && previous.shouldKeepAlive) start(incoming, reply, upgrade, expectsContinue)
    })
  }
  const mayWait = (turn: Turn): boolean => {
    const isFull = turn.waiting >= maxPipelined
    if (isFull || pipelined.take() !== 'taken') {
      onLimit(isFull ? 'pipelined_requests_per_connection' : 'pipelined_requests')
      return false
    }
    turn.waiting += 1
    return true
  }
  const leaveQueue = (turn: Turn): void => {
    if (turn.waiting === 0) return // all have left with their connection
    turn.waiting -= 1
    pipelined.release()
  }
  /** Nothing is read ahead for those who send ahead themselves, nor of what is HTTP no more. */
  const lookAfter = (socket: Socket, turn: Turn): void => {
    turns.set(socket, turn)
    const waiting = (): number => (turn.waiting > 0 || upgraded.has(socket) ? Infinity : turn.incoming.readableLength)
    unread.watch({ socket, below: below?.of(socket), waiting })
  }
  server.on('request', (incoming, reply) => run(incoming, reply, undefined, false))
  server.on('checkContinue', (incoming, reply) => run(incoming, reply, undefined, true))
  server.on('checkExpectation', (_incoming, reply: ServerResponse) => refuse(reply, 417, 'the only expectation that is met is 100-continue'))
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, firstBytes: Buffer) => {
    if (!(socket instanceof Socket)) throw new TypeError('a connection of this server is no socket')
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    socket.on('error', () => {}) // a visitor's lost connection; whoever uses the socket sees it end
    const early = new EarlyBytes(socket, firstBytes)
    const reply = replyOn(incoming, socket, () => {
      early.take()
      socket.setTimeout(server.keepAliveTimeout)
    })
    run(incoming, reply, { incoming, reply, socket, early }, false)
  })
  server.on('connect', (_incoming: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {}) // Node's own listener is gone by now; a reset would end this process
    onRefused(405)
    answerRaw(socket, 405, 'this is no forward proxy')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = refuseBadHttp(error, socket, turns.get(socket)?.reply)
    if (status !== undefined) onRefused(status, status === 431 ? 'request_head_bytes' : undefined)
  })
  return {
    server,
    get upgradedCount() {
      return upgraded.size
    },
    setTls: (next) => secure?.setSecureContext(next),
    setClientMs: (milliseconds) => {
      server.headersTimeout = milliseconds
      server.keepAliveTimeout = milliseconds
    },
    destroy: () => {
      for (const socket of upgraded) socket.destroy()
      server.closeAllConnections()
    },
  }
}

/** An upgrade request comes without a response object; refusals and plain answers need one. The connection ends with it. */
function replyOn(incoming: IncomingMessage, socket: Socket, onFinish: () => void): ServerResponse {
  const reply = new ServerResponse(incoming)
  reply.shouldKeepAlive = false
  reply.assignSocket(socket)
  // Node's server does the next two for its own; it has let go of this socket.
  const onDrain = (): void => void reply.emit('drain')
  socket.on('drain', onDrain).on('timeout', () => socket.destroy())
  reply.once('finish', () => {
    socket.off('drain', onDrain)
    reply.detachSocket(socket)
    onFinish()
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
