import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectTcp } from 'node:net'

export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, pseudo-headers included. */
  readonly rawHeaders: readonly string[]
  readonly trailers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** Code of the reset that ended the stream; 0: none, or none that says anything. */
  readonly resetCode: number
}

export interface Http2Request {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** One HTTP/2 connection of Node's own client. */
export interface Http2Client {
  readonly session: ClientHttp2Session
  /** Sends a request and waits for all of its answer; status 0 when there was none. */
  ask(request: Http2Request): Promise<Http2Answer>
  /** Sends a head and leaves everything else to the caller. */
  open(request: Omit<Http2Request, 'body'>, endStream?: boolean): ClientHttp2Stream
  close(): void
}

/** Connects without TLS (prior knowledge), from a loopback address of one's own choice. */
export function connectHttp2(port: number, from?: string): Http2Client {
  const authority = `http://127.0.0.1:${port}`
  return clientOn(connect(authority, { createConnection: () => connectTcp({ port, host: '127.0.0.1', ...(from ? { localAddress: from } : {}) }) }))
}

export function clientOn(session: ClientHttp2Session): Http2Client {
  session.on('error', () => {}) // an end like any other; streams see it
  const open: Http2Client['open'] = ({ method = 'GET', path, headers = {} }, endStream = false) =>
    session.request({ ':method': method, ':path': path, ...headers }, { endStream })
  return {
    session,
    open,
    ask: (request) => {
      const stream = open(request, request.body === undefined)
      if (request.body !== undefined) stream.end(request.body)
      return answerOn(stream)
    },
    close: () => session.destroy(),
  }
}

/** Waits until a stream has closed and tells what came on it. */
export function answerOn(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let rawHeaders: readonly string[] = []
    let trailers: IncomingHttpHeaders = {}
    stream.on('response', (fields, _flags, raw) => {
      headers = fields
      rawHeaders = raw
    })
    stream.on('trailers', (fields) => (trailers = fields))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () => {
      const body = Buffer.concat(chunks)
      resolve({ status: Number(headers[':status'] ?? 0), headers, rawHeaders, trailers, body, text: body.toString(), resetCode: stream.rstCode ?? constants.NGHTTP2_NO_ERROR })
    })
  })
}
