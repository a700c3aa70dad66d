import { type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { sharedKey } from '../support/data-plane.ts'

/** A raw Docker call as AppAPI makes it, or the same made at the engine's own socket. */
export interface EngineCall {
  readonly method?: string
  /** What follows `/exapps/app_api`. */
  readonly path: string
  /** Value of `docker-engine-port`; left out: no such header. */
  readonly engine?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
}

export interface EngineAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly text: string
}

/** Sends the call through a data plane; resolves with the head of the answer, while its body may still come. */
export function openCall(port: number, { path, engine, headers, ...call }: EngineCall): Promise<IncomingMessage> {
  const ours = { 'harp-shared-key': sharedKey, ...(engine === undefined ? {} : { 'docker-engine-port': engine }) }
  return open(
    { ...call, path: `/exapps/app_api${path}`, headers: { ...ours, ...headers } },
    { port, host: '127.0.0.1' },
  )
}

export async function callEngine(port: number, call: EngineCall): Promise<EngineAnswer> {
  return whole(await openCall(port, call))
}

/** The same call without a data plane in between, to compare with. */
export async function callSocket(socketPath: string, call: EngineCall): Promise<EngineAnswer> {
  return whole(await open(call, { socketPath }))
}

function open(
  { method = 'GET', path, headers = {}, body }: EngineCall,
  where: { port: number; host: string } | { socketPath: string },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // As PHP's stream wrapper does for a pull without a body (AppAPI contract §2.3).
    const length = method === 'POST' && body === undefined ? { 'content-length': '0' } : {}
    const call = request({ ...where, method, path, headers: { ...length, ...headers }, agent: false })
    call.on('error', reject)
    call.on('response', resolve)
    call.end(body)
  })
}

async function whole(response: IncomingMessage): Promise<EngineAnswer> {
  const body = await buffer(response)
  return { status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString('utf8') }
}
