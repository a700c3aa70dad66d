import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** What a Docker Engine was asked. */
export interface EngineRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

/** A small server on a unix socket that a test plays a Docker Engine with. */
export interface StandInEngine {
  readonly socketPath: string
  /** Everything but `/version`, which the data plane asks by itself. */
  readonly requests: readonly EngineRequest[]
  readonly versionRequests: number
  readonly connections: number
  close(): Promise<void>
}

export type Answerer = (incoming: IncomingMessage, reply: ServerResponse) => void

/** `version` answers `/version`, `answer` the rest; engines that misbehave give their own. */
export async function startStandInEngine(
  socketPath: string,
  { version = answerVersion, answer = answerOk }: { readonly version?: Answerer; readonly answer?: Answerer } = {},
): Promise<StandInEngine> {
  const requests: EngineRequest[] = []
  let versionRequests = 0
  let connections = 0
  const server = createServer((incoming, reply) => {
    if (incoming.url === '/version') {
      versionRequests += 1
      return version(incoming, reply)
    }
    requests.push({ method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers })
    answer(incoming, reply)
  })
  server.on('connection', () => {
    connections += 1
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    socketPath,
    requests,
    get versionRequests() {
      return versionRequests
    },
    get connections() {
      return connections
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** As Docker 27 does. */
const answerVersion: Answerer = (_incoming, reply) => {
  reply
    .writeHead(200, { 'content-type': 'application/json' })
    .end('{"ApiVersion":"1.47","MinAPIVersion":"1.24","Os":"linux"}')
}

const answerOk: Answerer = (_incoming, reply) => {
  reply.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'api-version': '1.47' }).end('OK')
}

/** Takes the request and says nothing. */
export const neverAnswer: Answerer = () => {}
