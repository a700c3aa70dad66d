import { type IncomingMessage, request as httpRequest } from 'node:http'
import { type Duplex, pipeline } from 'node:stream'
import type { Connect, Connection } from './connect.ts'
import { ClientGoneError, MalformedRequestError, UpstreamTimeoutError } from './errors.ts'
import type { Exchange, Upgrade } from './exchange.ts'
import type { ForwardPlan } from './forward-http.ts'
import { responseHeaders } from './headers.ts'
import { IdleWatch } from './idle-watch.ts'
import { upstreamError } from './upstream-error.ts'

/** After one side has ended, the other may finish for this long (HaRP contract §3.9). */
const halfClosedMs = 30_000

/**
 * The same for an ExApp behind a tunnel. frp passes no end of one side on, so the ExApp cannot hear that its visitor has gone
 * and answer to it: what it is saying just then may be finished as long as it makes no longer pause than this.
 */
const lastWordsMs = 1_000

/** `pipeline()` alone puts eight on a socket that is read and written; they go with it, so that Node need not warn. */
const listenersPerSide = 20

export interface WebSocketDeps {
  readonly connect: Connect
  readonly timeouts: { readonly serverMs: number; readonly tunnelMs: number }
  /** Told of each upgraded connection while it lasts, so that a stop can end it and a metric can count it. */
  readonly onOpen: (socket: Duplex) => void
}

/** Refuses a handshake that a WebSocket server would have to refuse (RFC 6455 §4.2.1). */
export function checkHandshake({ incoming }: Upgrade): void {
  if (incoming.headers.upgrade?.toLowerCase() !== 'websocket') return
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
  const client = upgrade.socket
  const abort = new AbortController()
  const stopWatching = watchForEnd(client, () => abort.abort(new ClientGoneError('the client went away')))
  try {
    const upstream = await deps.connect(plan.upstream, abort.signal)
    const answer = await handshake(plan, upgrade, upstream, deps.timeouts.serverMs, abort.signal)
    plan.onStatus(answer.response.statusCode ?? 0)
    if (!answer.upgraded) return await passAnswer(answer.response, upgrade)
    stopWatching()
    upgrade.reply.statusCode = 101 // for the log and the metric
    client.write(responseHead(answer.response), 'latin1')
    deps.onOpen(client)
    const ends = { client, upstream, hearsEnd: plan.upstream.kind !== 'tunnel' }
    await join(ends, upgrade.firstBytes, answer.firstBytes, deps.timeouts.tunnelMs)
  } catch (error) {
    throw upstreamError(error, plan)
  } finally {
    stopWatching()
  }
}

/** Nobody reads from the client while the ExApp has not answered; its end would go unseen. */
function watchForEnd(client: Duplex, onEnd: () => void): () => void {
  // Bytes that came early stay where they are; with none before it, reading shows an end.
  const onReadable = (): void => {
    if (client.readableLength === 0) client.read()
  }
  client.on('readable', onReadable).once('end', onEnd).once('close', onEnd)
  return () => client.off('readable', onReadable).off('end', onEnd).off('close', onEnd)
}

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

/** The ExApp refused or answered in plain HTTP; its words are the client's. */
function passAnswer(response: IncomingMessage, { reply }: Upgrade): Promise<void> {
  reply.writeHead(response.statusCode ?? 502, response.statusMessage, responseHeaders(response.rawHeaders))
  return new Promise((resolve, reject) => {
    pipeline(response, reply, (error) => {
      response.socket.destroy()
      if (error) reject(error)
      else resolve()
    })
  })
}

function responseHead({ statusCode = 101, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

interface Ends {
  readonly client: Duplex
  readonly upstream: Connection
  /** Whether the upstream is told when the client ends and still has something to say. */
  readonly hearsEnd: boolean
}

/** Joins two sockets until one fails, both have ended, or nothing moved for `idleMs`. */
async function join({ client, upstream, hearsEnd }: Ends, fromClient: Buffer | undefined, fromUpstream: Buffer, idleMs: number): Promise<void> {
  const endBoth = (): void => {
    client.destroy()
    upstream.destroy()
  }
  // An end, not a cut: what the visitor said last may still lie in frpc's buffers.
  const idle = new IdleWatch(() => (client.readableEnded && !hearsEnd ? upstream.destroySoon() : endBoth()))
  let halfClosed: NodeJS.Timeout | undefined
  const onEnd = (): void => {
    halfClosed ??= setTimeout(endBoth, halfClosedMs)
  }
  try {
    idle.start(idleMs)
    for (const side of [client, upstream]) side.setMaxListeners(listenersPerSide).on('data', idle.moved).once('end', onEnd)
    // The visitor's own last words have to leave first.
    if (!hearsEnd) client.once('end', () => idle.start(Math.min(idleMs, lastWordsMs), () => upstream.writableLength > 0))
    if (fromClient && fromClient.length > 0) upstream.write(fromClient)
    if (fromUpstream.length > 0) client.write(fromUpstream)
    await pump(client, upstream)
  } finally {
    idle.stop()
    clearTimeout(halfClosed)
    endBoth()
  }
}

/** Either side may go at any time; that is how such connections end, and no failure. */
const pump = (client: Duplex, upstream: Duplex): Promise<void> => new Promise((resolve) => pipeline(client, upstream, client, () => resolve()))
