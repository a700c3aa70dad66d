import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerRequest } from './exapp/answers.ts'
import { RequestLog } from './exapp/request-log.ts'
import type { ReceivedRequest, WebSocketSession } from './exapp/request-log.ts'
import { serveWebSockets } from './exapp/web-sockets.ts'

/** A running ExApp and what it saw. */
export interface ExAppStandIn {
  /** The TCP port, undefined on a unix socket. */
  readonly port: number | undefined
  /** `http://127.0.0.1:<port>`, or `http://localhost` for use over the unix socket. */
  readonly url: string
  /** The newest requests, oldest first; bounded, see `requestCount` for the total. */
  readonly requests: readonly ReceivedRequest[]
  readonly requestCount: number
  readonly webSockets: readonly WebSocketSession[]
  /** TCP or unix connections accepted since the start: shows whether a caller reuses them. */
  readonly connectionCount: number
  close(): Promise<void>
}

/** Where to listen, and how long an idle connection is kept. */
export interface ExAppOptions {
  readonly listen: { readonly unixSocket: string } | { readonly port: number }
  /** Node's 5 s when left out, which is also uvicorn's. */
  readonly keepAliveTimeoutMs?: number
  /** Begins the init step, once its request is answered. */
  readonly onInit?: () => void
}

// Above what any proxy under test lets through, so that a refusal is the proxy's own.
const maxHeaderSize = 256 * 1024

/** Starts a small HTTP ExApp; `exapp/answers.ts` lists its paths, every other path echoes what arrived. */
export async function startExApp(options: ExAppOptions): Promise<ExAppStandIn> {
  const log = new RequestLog()
  const { listen, onInit = () => {} } = options
  let connectionCount = 0
  const server = createServer({ maxHeaderSize, requestTimeout: 0, keepAliveTimeout: options.keepAliveTimeoutMs ?? 5000 })
  server.on('connection', () => {
    connectionCount += 1
  })
  server.on('request', (request, response) => answerRequest(log.request(request, response), request, response, onInit))
  // Without this listener Node says "continue" by itself, and a test could not see a refusal before the body.
  server.on('checkContinue', (request, response) => {
    if (!request.url?.startsWith('/early')) response.writeContinue()
    answerRequest(log.request(request, response), request, response, onInit)
  })
  const webSockets = serveWebSockets(server, log)

  server.listen('unixSocket' in listen ? listen.unixSocket : { port: listen.port, host: '127.0.0.1' })
  await once(server, 'listening')
  const address = server.address() as AddressInfo | string
  const port = typeof address === 'string' ? undefined : address.port

  return {
    port,
    url: port === undefined ? 'http://localhost' : `http://127.0.0.1:${port}`,
    get requests() {
      return log.requests
    },
    get requestCount() {
      return log.requestCount
    },
    get webSockets() {
      return log.webSockets
    },
    get connectionCount() {
      return connectionCount
    },
    close: async () => {
      webSockets.close()
      for (const peer of webSockets.clients) peer.terminate()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
