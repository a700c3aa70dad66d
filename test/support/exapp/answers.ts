import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { readBody } from './body.ts'
import { sendBytes, sendEvents, waitFor } from './long-answers.ts'
import type { ReceivedRequest } from './request-log.ts'

type Answer = (context: Context) => Promise<void> | void

interface Context {
  readonly received: ReceivedRequest
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** What follows the first path segment, e.g. `404` of `/status/404`. */
  readonly rest: string
  readonly onInit: () => void
}

/** What the ExApp serves, by first path segment; `/ws` and `/counter-ws` are in `web-sockets.ts`. */
const answers: Readonly<Record<string, Answer>> = {
  heartbeat: ({ response }) => sendJson(response, 200, { status: 'ok' }),
  init: async (context) => {
    sendJson(context.response, 200, await report(context))
    context.onInit()
  },
  // AppAPI takes a non-empty `error` for a refusal.
  enabled: async (context) => sendJson(context.response, 200, { error: '', ...(await report(context)) }),
  /** `/status/418`: that status with a small body, if it may have one. */
  status: ({ response, rest }) => sendStatus(response, Number(rest)),
  /** `/stream?events=3&intervalMs=100`: server-sent events, endless without `events`. */
  stream: ({ response, query }) =>
    sendEvents(response, Number(query.get('events') ?? Infinity), Number(query.get('intervalMs') ?? 100)),
  /** `/slow?ms=500`: the echo, later. */
  slow: async (context) => {
    if (await waitFor(context.response, Number(context.query.get('ms') ?? 500))) await echo(context)
  },
  /** `/big?bytes=1000&chunked`: that many bytes, with Content-Length unless `chunked`. */
  big: ({ response, query }) => sendBytes(response, Number(query.get('bytes') ?? 0), query.has('chunked')),
  /** Reads the whole body, whatever its size, and answers its length and hash. */
  upload: async (context) => sendJson(context.response, 200, (await report(context)).body),
  /** Answers before the body is read, and never reads it. */
  early: ({ response }) => {
    response.setHeader('Connection', 'close')
    sendText(response, 413, 'too large\n')
  },
  /** `/headers?x-a=1&x-a=2`: answers with these header lines. */
  headers: ({ response, query }) => {
    for (const name of new Set(query.keys())) response.setHeader(name, query.getAll(name))
    sendText(response, 200, 'headers\n')
  },
  gzip: ({ response }) => {
    const body = gzipSync('compressed by the ExApp\n'.repeat(100))
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip', 'Content-Length': body.length })
    response.end(body)
  },
  trailers: ({ response }) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'X-Checksum' })
    response.write('body before trailers\n')
    response.addTrailers({ 'X-Checksum': 'abc' })
    response.end()
  },
  /** Never answers. */
  hang: () => {},
  /** Resets the connection without an answer. */
  reset: ({ response }) => {
    response.socket?.resetAndDestroy()
  },
  /** Closes the connection without an answer. */
  close: ({ response }) => {
    response.destroy()
  },
  /** `/cut?bytes=10`: announces one byte more than it sends, then closes. */
  cut: ({ response, query }) => {
    const bytes = Number(query.get('bytes') ?? 10)
    response.writeHead(200, { 'Content-Length': bytes + 1 })
    response.write(Buffer.alloc(bytes, 'x'), () => response.destroy())
  },
  /** Who AppAPI's signature says the visitor is; the token beside the name stays here. */
  whoami: ({ received, response }) => {
    const signature = Buffer.from(String(received.headers['authorization-app-api'] ?? ''), 'base64').toString()
    sendJson(response, 200, { user: signature.slice(0, Math.max(signature.lastIndexOf(':'), 0)) })
  },
  /** The page of the demo: shows the user and a counter that comes over `/counter-ws`. */
  page: async ({ response }) => {
    const body = await readFile(new URL('page.html', import.meta.url))
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': body.length })
    response.end(body)
  },
}

/** Answers one request by its first path segment; an unknown one echoes what arrived. */
export function answerRequest(received: ReceivedRequest, request: IncomingMessage, response: ServerResponse, onInit: () => void): void {
  const [path = '', search = ''] = received.url.split('?', 2)
  const [, segment = '', rest = ''] = path.split('/')
  const answer = (Object.hasOwn(answers, segment) && answers[segment]) || echo
  const context = { received, request, response, query: new URLSearchParams(search), rest, onInit }
  // The usual failure is a caller that went away: then there is nobody to tell.
  Promise.resolve(context).then(answer).catch(() => response.destroy())
}

async function echo(context: Context): Promise<void> {
  sendJson(context.response, 200, await report(context))
}

async function report({ received, request }: Context) {
  await readBody(received, request)
  const { method, url, rawHeaders, bodyLength, bodySha256, trailers } = received
  return { method, url, rawHeaders, body: { length: bodyLength, sha256: bodySha256 }, trailers }
}

function sendStatus(response: ServerResponse, status: number): void {
  if (status === 204) response.writeHead(204).end()
  else if (status === 304) response.writeHead(304, { ETag: '"one"' }).end()
  else sendText(response, status, `status ${status}\n`)
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value))
}

function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain', text)
}

// Node leaves the body out for HEAD and keeps its Content-Length, as a server should.
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
