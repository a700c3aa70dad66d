import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** One request as the ExApp received it; the last four fields change while it runs. */
export interface ReceivedRequest {
  readonly method: string
  /** Request target, byte for byte (bytes above 0x7F as Latin-1). */
  readonly url: string
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as they were on the wire. */
  readonly rawHeaders: readonly string[]
  bodyLength: number
  /** Set when a path that reads the body has read all of it. */
  bodySha256: string | undefined
  trailers: NodeJS.Dict<string>
  /** `aborted` when the connection went away before the answer was out. */
  state: 'running' | 'answered' | 'aborted'
}

/** One WebSocket connection; everything but the first two fields changes while it is open. */
export interface WebSocketSession {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  received: number
  state: 'open' | 'closed'
  closeCode: number | undefined
}

// Load tests send many requests: what a failing assertion can still show.
const maxRequests = 2000

/** Remembers what reached the ExApp. */
export class RequestLog {
  #requests: ReceivedRequest[] = []
  #requestCount = 0
  #webSockets: WebSocketSession[] = []

  get requests(): readonly ReceivedRequest[] {
    return this.#requests
  }

  get requestCount(): number {
    return this.#requestCount
  }

  get webSockets(): readonly WebSocketSession[] {
    return this.#webSockets
  }

  request(message: IncomingMessage, response: ServerResponse): ReceivedRequest {
    const received: ReceivedRequest = {
      method: message.method ?? '',
      url: message.url ?? '',
      httpVersion: message.httpVersion,
      headers: message.headers,
      rawHeaders: message.rawHeaders,
      bodyLength: 0,
      bodySha256: undefined,
      trailers: {},
      state: 'running',
    }
    response.on('close', () => {
      received.state = response.writableFinished ? 'answered' : 'aborted'
    })
    this.#requestCount += 1
    this.#requests.push(received)
    if (this.#requests.length > maxRequests) this.#requests.shift()
    return received
  }

  webSocket(message: IncomingMessage): WebSocketSession {
    const session: WebSocketSession = {
      url: message.url ?? '',
      headers: message.headers,
      received: 0,
      state: 'open',
      closeCode: undefined,
    }
    this.#webSockets.push(session)
    if (this.#webSockets.length > maxRequests) this.#webSockets.shift()
    return session
  }
}
