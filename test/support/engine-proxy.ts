import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { buffer } from 'node:stream/consumers'

/** What goes wrong with one call. */
export type EngineFault =
  /** The engine is gone: this connection breaks, and no new one is accepted until `heal`. */
  | { readonly kind: 'refuses' }
  /** The call is taken and nothing is ever said. */
  | { readonly kind: 'stalls' }
  /** The connection breaks before the engine hears of the call. */
  | { readonly kind: 'dies before' }
  /** The engine does the work, then the connection breaks without an answer. */
  | { readonly kind: 'dies after' }
  /** The engine does the work, then the connection breaks in the middle of the answer. */
  | { readonly kind: 'dies mid-answer' }
  /** Answers this instead of the engine. */
  | { readonly kind: 'answers'; readonly status: number; readonly body?: string }
  /** Sends bytes that are no HTTP. */
  | { readonly kind: 'answers garbage' }

/** Which call goes wrong. */
export interface FaultRule {
  readonly method: string
  /** Matched against the path without API version and query. */
  readonly path: RegExp
  /** 1 is the first such call after the rule was set, which is the default; `every` means all from there on. */
  readonly nth?: number
  readonly every?: boolean
  readonly fault: EngineFault
}

/** A call as the engine's socket got it. */
export interface EngineCallSeen {
  readonly method: string
  /** Without API version and query. */
  readonly path: string
  readonly query: string
  readonly body: string
}

/** A small server on a unix socket before an engine's own: passes calls on, remembers them, and breaks those it is told to. */
export interface EngineProxy {
  readonly socketPath: string
  /** Everything but `/version` and `/_ping`, which ask only whether it lives. */
  readonly calls: readonly EngineCallSeen[]
  clearCalls(): void
  /** Calls that change something on the engine: all but GET and HEAD. */
  readonly changes: readonly EngineCallSeen[]
  /** Replaces the rules. */
  break(...rules: readonly FaultRule[]): void
  /** No rules, and connections are accepted again. */
  heal(): Promise<void>
  /** Whether every rule has met its call. */
  readonly allMet: boolean
  close(): Promise<void>
}

interface Armed {
  readonly rule: FaultRule
  seen: number
  met: boolean
}

/** Bodies that tests look at are small; archives are cut to this. */
const KEPT_BODY_BYTES = 64 * 1024

/** Starts a proxy at `socketPath` before the engine at `enginePath`. */
export async function startEngineProxy(socketPath: string, enginePath: string): Promise<EngineProxy> {
  let calls: EngineCallSeen[] = []
  let armed: Armed[] = []
  const sockets = new Set<Socket>()
  const stalled = new Set<ServerResponse>()
  let server = createServer()

  const listen = async (): Promise<void> => {
    server = createServer({ requestTimeout: 0 }, (incoming, reply) => {
      serve(incoming, reply).catch(() => reply.destroy()) // a caller or an engine that went away
    })
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    server.listen(socketPath)
    await once(server, 'listening')
  }

  const stopListening = (): Promise<unknown> => {
    if (!server.listening) return Promise.resolve()
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    return closed
  }

  const faultFor = (method: string, path: string): EngineFault | undefined => {
    for (const entry of armed) {
      if (entry.rule.method !== method || !entry.rule.path.test(path)) continue
      entry.seen += 1
      const { nth = 1, every = false, fault } = entry.rule
      if (every ? entry.seen < nth : entry.seen !== nth) continue
      entry.met = true
      return fault
    }
    return undefined
  }

  const serve = async (incoming: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const method = incoming.method ?? ''
    const [written = '', query = ''] = (incoming.url ?? '').split('?', 2)
    const path = written.replace(/^\/v[0-9.]+(?=\/)/, '')
    const body = await buffer(incoming)
    if (path !== '/version' && path !== '/_ping') calls.push({ method, path, query, body: body.subarray(0, KEPT_BODY_BYTES).toString('latin1') })
    const fault = faultFor(method, path)
    switch (fault?.kind) {
      case undefined:
        return passOn(await ask(enginePath, incoming, body, leaving(reply)), reply)
      case 'refuses':
        void stopListening()
        return
      case 'stalls':
        stalled.add(reply)
        return
      case 'dies before':
        incoming.socket.destroy()
        return
      case 'dies after':
        await buffer(await ask(enginePath, incoming, body))
        incoming.socket.destroy()
        return
      case 'dies mid-answer': {
        const answer = await ask(enginePath, incoming, body)
        incoming.socket.end(firstHalf(answer.statusCode ?? 0, await buffer(answer)))
        return
      }
      case 'answers garbage':
        incoming.socket.end('\0\xFFnot HTTP\r\n\r\n')
        return
      case 'answers':
        reply.writeHead(fault.status, { 'Content-Type': 'application/json' })
        reply.end(fault.body ?? JSON.stringify({ message: 'broken on purpose' }))
    }
  }

  await listen()
  return {
    socketPath,
    get calls() {
      return calls
    },
    get changes() {
      return calls.filter(({ method }) => method !== 'GET' && method !== 'HEAD')
    },
    clearCalls: () => {
      calls = []
    },
    break: (...rules) => {
      armed = rules.map((rule) => ({ rule, seen: 0, met: false }))
    },
    heal: async () => {
      armed = []
      for (const reply of stalled) reply.destroy()
      stalled.clear()
      if (!server.listening) await listen()
    },
    get allMet() {
      return armed.every(({ met }) => met)
    },
    close: async () => {
      await stopListening()
    },
  }
}

/** Up to the middle of the body, or of the status line where there is none. */
function firstHalf(status: number, body: Buffer): Buffer {
  if (body.length === 0) return Buffer.from(`HTTP/1.1 ${status}`)
  const head = `HTTP/1.1 ${status} \r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body.subarray(0, Math.floor(body.length / 2))])
}

/** Aborted when the caller goes away: the engine is then not asked any longer either. */
function leaving(reply: ServerResponse): AbortSignal {
  const gone = new AbortController()
  reply.once('close', () => gone.abort())
  return gone.signal
}

/** The same request at the engine; resolves with the head of its answer. */
function ask(
  socketPath: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { 'transfer-encoding': _, ...others } = headers
    const length = body.length > 0 || headers['transfer-encoding'] !== undefined ? { 'content-length': body.length } : {}
    const call = request({ socketPath, method, path: url, headers: { ...others, ...length }, agent: false, ...(signal && { signal }) })
    call.on('error', reject)
    call.on('response', resolve)
    call.end(body)
  })
}

/** As it comes, so that progress and events are seen when they happen. */
function passOn(answer: IncomingMessage, reply: ServerResponse): void {
  const { 'content-length': length, 'transfer-encoding': encoding } = answer.headers
  const ends = length === undefined && encoding === undefined && answer.statusCode !== 204 && answer.statusCode !== 304
  if (ends) {
    // A hijacked connection, as for the output of a command, ends with its bytes.
    reply.useChunkedEncodingByDefault = false
    reply.shouldKeepAlive = false
  }
  const headers = answer.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && !/^(connection|transfer-encoding|keep-alive)$/i.test(name) ? [name, answer.rawHeaders[index + 1] ?? ''] : [],
  )
  reply.writeHead(answer.statusCode ?? 0, answer.statusMessage, headers)
  reply.flushHeaders()
  pipeline(answer, reply, () => {}) // whichever side left, the other is ended too
}
