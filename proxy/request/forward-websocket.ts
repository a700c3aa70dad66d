import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Connect, Connection } from './connect.ts'
import { ClientGoneError, MalformedRequestError, UpstreamTimeoutError } from './errors.ts'
import type { Exchange, Upgrade } from './exchange.ts'
import type { ForwardPlan } from './forward-http.ts'
import { IdleWatch } from './idle-watch.ts'
import { relayMessage } from './relay-message.ts'
import { reset } from './reset.ts'
import { ResponseRelay } from './response-relay.ts'
import type { UnreadClients } from './unread-clients.ts'
import { upstreamError } from './upstream-error.ts'

/** After one side has ended, the other may finish for this long (HaRP contract §3.9). */
const halfClosedMs = 30_000

/**
 * The same for an ExApp behind a tunnel. frp passes no end of one side on, so the ExApp cannot hear that its visitor has gone
 * and answer to it: what it is saying just then may be finished as long as it makes no longer pause than this.
 */
const lastWordsMs = 1_000

/** The same for a WebSocket whose client has ended: it closed without waiting for the answer, or is lost (RFC 6455 §7.1.4). */
const webSocketEndedMs = 500

/** Whoever accepted, watches or joins a socket listens for its end, and they go with it: Node need not warn. */
const listenersPerSide = 20

export interface WebSocketDeps {
  readonly connect: Connect
  readonly timeouts: { readonly clientMs: number; readonly serverMs: number; readonly tunnelMs: number }
  readonly unread: UnreadClients
  /** Told of each upgraded connection while it lasts, so that a stop can end it and a metric can count it. */
  readonly onOpen: (socket: Duplex) => void
}

/** Refuses a handshake that a WebSocket server would have to refuse (RFC 6455 §4.2.1). */
export function checkHandshake(upgrade: Upgrade): void {
  if (!isWebSocket(upgrade)) return
  const { incoming } = upgrade
  const key = incoming.headers['sec-websocket-key'] ?? ''
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) throw new MalformedRequestError('Sec-WebSocket-Key is not 16 bytes in base64')
}

/**
 * Passes an upgrade on. On 101 both sides are joined until one ends or nothing moved for the tunnel time-out; any other
 * answer goes to the client as it is. Throws a `RequestError` while the client can still be answered.
 */
export async function forwardWebSocket(plan: ForwardPlan, exchange: Exchange, deps: WebSocketDeps): Promise<void> {
  const { upgrade } = exchange
  if (!upgrade) throw new TypeError('not an upgrade')
  const upstream = await open(plan, exchange, upgrade, deps)
  if (!upstream) return
  const { socket: client } = upgrade
  deps.onOpen(client)
  deps.unread.watch({ socket: client, waiting: () => upstream.writableLength })
  const pauseMs = isWebSocket(upgrade) ? webSocketEndedMs : plan.upstream.kind === 'tunnel' ? lastWordsMs : halfClosedMs
  await join(client, upstream, { idleMs: deps.timeouts.tunnelMs, pauseMs, hearsEnd: plan.upstream.kind !== 'tunnel' })
}

/**
 * The upstream's side once both have agreed; `undefined` when the ExApp answered in plain HTTP. Whatever the handshake took
 * is let go of when this returns: a WebSocket may stay for days.
 */
async function open(plan: ForwardPlan, { carrier }: Exchange, upgrade: Upgrade, deps: WebSocketDeps): Promise<Connection | undefined> {
  const abort = new AbortController()
  const onGone = (): void => abort.abort(new ClientGoneError())
  carrier.reply.once('close', onGone)
  if (carrier.isGone) onGone()
  try {
    const upstream = await deps.connect(plan.upstream, abort.signal)
    const answer = await handshake(plan, upgrade, upstream, deps.timeouts.serverMs, abort.signal)
    if (!answer.upgraded) {
      const relay = new ResponseRelay({ carrier, hasBody: false, clientStallMs: deps.timeouts.clientMs, onHead: plan.onStatus })
      relayMessage(answer.response, relay, plan.responseTimeoutMs ?? deps.timeouts.serverMs)
      await relay.done
      return undefined
    }
    plan.onStatus(101)
    upgrade.reply.statusCode = 101 // for the log and the metric
    const { socket: client } = upgrade
    client.write(responseHead(answer.response), 'latin1')
    const early = upgrade.early.take()
    if (early.length > 0) upstream.write(early)
    if (answer.firstBytes.length > 0) client.write(answer.firstBytes)
    return upstream
  } catch (error) {
    if (carrier.headSent) carrier.cutShort()
    throw upstreamError(error, plan)
  } finally {
    carrier.reply.off('close', onGone)
  }
}

const isWebSocket = ({ incoming }: Upgrade): boolean => incoming.headers.upgrade?.toLowerCase() === 'websocket'

type Answer =
  | { readonly upgraded: true; readonly response: IncomingMessage; readonly firstBytes: Buffer }
  | { readonly upgraded: false; readonly response: IncomingMessage }

function handshake(plan: ForwardPlan, { incoming }: Upgrade, upstream: Duplex, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = [...plan.headers, 'connection', 'Upgrade', 'upgrade', incoming.headers.upgrade ?? '']
    const request = httpRequest({ method: incoming.method, path: plan.path, headers, setDefaultHeaders: false, createConnection: () => upstream, signal })
    const timer = setTimeout(() => request.destroy(new UpstreamTimeoutError('no answer to the WebSocket handshake in time')), timeoutMs)
    request.once('close', () => clearTimeout(timer))
    request.once('error', (error) => {
      upstream.destroy()
      reject(signal.aborted && signal.reason instanceof Error ? signal.reason : error)
    })
    request.once('upgrade', (response, _socket, firstBytes) => {
      clearTimeout(timer)
      resolve({ upgraded: true, response, firstBytes })
    })
    request.once('response', (response) => {
      clearTimeout(timer)
      resolve({ upgraded: false, response })
    })
    request.end()
  })
}

function responseHead({ statusCode = 101, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

interface JoinLimits {
  readonly idleMs: number
  /** The longest pause that is left to the upstream when the client has ended. */
  readonly pauseMs: number
  /** Whether the upstream is told when the client ends and still has something to say. */
  readonly hearsEnd: boolean
}

/** Joins two sockets until one fails, both have ended, or nothing moved for `idleMs`. */
async function join(client: Duplex, upstream: Connection, { idleMs, pauseMs, hearsEnd }: JoinLimits): Promise<void> {
  const endBoth = (): void => {
    client.destroy()
    upstream.destroy()
  }
  const cut = (): void => {
    reset(upstream)
    client.destroy()
  }
  // An end, not a cut: what the visitor said last may still lie in frpc's buffers.
  const idle = new IdleWatch(() => (client.readableEnded && !hearsEnd && upstream.writableLength === 0 ? upstream.destroySoon() : cut()))
  let halfClosed: NodeJS.Timeout | undefined
  const endSoon = (): void => {
    halfClosed ??= setTimeout(cut, halfClosedMs)
  }
  try {
    idle.start(idleMs)
    for (const side of [client, upstream]) side.setMaxListeners(listenersPerSide).on('data', idle.moved).once('end', endSoon)
    client.once('end', () => {
      // The visitor's own last words have to leave first, as long as they do leave.
      let unsaid = upstream.writableLength
      idle.start(Math.min(idleMs, pauseMs), () => {
        const before = unsaid
        unsaid = upstream.writableLength
        return unsaid < before
      })
    })
    // Before the `pipe()` ends it in order, up to which it may never read. Over TLS there is no half-closed state.
    client.once('error', () => reset(upstream)).once('close', () => reset(upstream))
    // Two `pipe()`s: `pipeline()` holds half as much again as all else of an idle WebSocket.
    client.pipe(upstream).pipe(client)
    await Promise.all([closed(client, endBoth), closed(upstream, endBoth)])
  } finally {
    idle.stop()
    clearTimeout(halfClosed)
    endBoth()
  }
}

/** Resolves when a side is closed, and tells when that came before its end: what it had sent by then may be incomplete. */
function closed(side: Duplex, onCut: () => void): Promise<void> {
  return new Promise((resolve) => {
    const onClose = (): void => {
      if (!side.readableEnded) onCut()
      resolve()
    }
    if (side.closed) onClose()
    else side.once('close', onClose)
  })
}
