import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** One call as the daemon got it. */
export interface SeenCall {
  /** Method and path, such as `POST /docker/exapp/exists`; ExApps' paths keep their `/exapps/<id>`. */
  readonly call: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Scripted {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A daemon that says what a test tells it to say, and otherwise what a good one says. */
export interface ScriptedDaemon {
  /** `host:port`. */
  readonly host: string
  readonly url: string
  readonly calls: readonly SeenCall[]
  readonly connections: number
  /** Whether a request with `Expect: 100-continue` is let through; otherwise it is answered at once. */
  allowsBodies: boolean
  /** Answers to one call from now on. */
  say(call: string, ...answers: readonly Scripted[]): void
  close(): Promise<void>
}

const json = (value: unknown, status = 200): Scripted => ({ status, body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } })

/** What a daemon answers on which nothing is installed yet and everything works. */
const good: Readonly<Record<string, Scripted>> = {
  'GET /v1.44/_ping': { status: 200, body: 'OK' },
  'GET /info': json({ version: '0.4.4', docker: true }),
  'POST /v1.44/images/create': { status: 200, body: '{"status":"Pulling from x","id":"1"}\n{"id":"a","status":"Pull complete"}\n' },
  'POST /docker/exapp/exists': json({ exists: false }),
  'POST /docker/exapp/create': json({ id: 'abc', name: 'nc_app_demo' }, 201),
  'POST /docker/exapp/install_certificates': { status: 204 },
  'POST /docker/exapp/start': { status: 204 },
  'POST /docker/exapp/wait_for_start': json({ started: true, status: 'running', health: null }),
  'POST /docker/exapp/stop': { status: 204 },
  'POST /docker/exapp/remove': { status: 204 },
  'GET /v1.44/containers/nc_app_demo/json': json({ State: {} }),
  'GET /exapps/demo/heartbeat': json({ status: 'ok' }),
  'POST /exapps/demo/init': { status: 501 },
  'PUT /exapps/demo/enabled': json({ error: '' }),
  'POST /exapp_storage/demo': { status: 204 },
  'DELETE /exapp_storage/demo': { status: 204 },
}

export async function startScriptedDaemon(): Promise<ScriptedDaemon> {
  const calls: SeenCall[] = []
  const script = new Map<string, Scripted[]>()
  const server = createServer()
  const answer = (request: IncomingMessage, body: string): Scripted => {
    const call = `${request.method} ${(request.url ?? '').split('?')[0]?.replace('/exapps/app_api', '')}`
    calls.push({ call, headers: request.headers, body })
    const [next, ...later] = script.get(call) ?? []
    if (later.length > 0) script.set(call, later)
    return next ?? good[call] ?? { status: 404, body: '404: Not Found' }
  }
  const reply = async (request: IncomingMessage, response: ServerResponse, readsBody: boolean): Promise<void> => {
    const { status, body = '', headers = {} } = answer(request, readsBody ? await text(request) : '')
    response.writeHead(status, headers).end(body)
  }
  let allowsBodies = true
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.on('request', (request, response) => void reply(request, response, true))
  server.on('checkContinue', (request, response) => {
    if (allowsBodies) response.writeContinue()
    void reply(request, response, allowsBodies)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    calls,
    get connections() {
      return connections
    },
    get allowsBodies() {
      return allowsBodies
    },
    set allowsBodies(allows) {
      allowsBodies = allows
    },
    say: (call, ...answers) => void script.set(call, [...answers]),
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
