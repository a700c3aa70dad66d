import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ClientGoneError, RequestError } from '../../request/errors.ts'
import { ControlApiError } from '../errors.ts'
import { localEnginePort } from '../engines.ts'
import { describeProblems, parseJsonBody } from '../json-body.ts'
import { refuseOtherMethods } from '../method-not-allowed.ts'
import type { Endpoint } from './endpoint.ts'
import type { OpenEngine } from './engine-client.ts'
import type { DockerMetrics } from './metrics.ts'
import type { Turns } from './turns.ts'

export interface DockerRoutesDeps {
  readonly openEngine: OpenEngine
  readonly turns: Turns
  readonly metrics: DockerMetrics
}

/** Mounts endpoints of `/docker/exapp/…`: header, body, turn, answer (HaRP contract §6.1 and §6.4). */
export function dockerRoute<Body>(app: FastifyInstance, endpoint: Endpoint<Body>, deps: DockerRoutesDeps): void {
  const url = `/docker/exapp/${endpoint.name}`
  app.route({
    url,
    method: 'POST',
    ...(endpoint.maxBodyBytes === undefined ? {} : { bodyLimit: endpoint.maxBodyBytes }),
    // Before the body is asked for: a caller that waits with several MiB need not send them.
    onRequest: async (request) => void enginePort(request),
    handler: async (request, reply) => {
      const startedAt = performance.now()
      const observe = (outcome: string): void => deps.metrics.call(endpoint.name, outcome, (performance.now() - startedAt) / 1000)
      try {
        const { status, body } = await serve(endpoint, request, reply, deps)
        observe('ok')
        return reply.code(status).send(body)
      } catch (error) {
        observe(error instanceof RequestError ? error.outcome : 'unexpected')
        throw error
      }
    },
  })
  refuseOtherMethods(app, url, ['POST'])
}

async function serve<Body>(
  { schema, limitMs, turn, run }: Endpoint<Body>,
  request: FastifyRequest,
  reply: FastifyReply,
  { openEngine, turns }: DockerRoutesDeps,
): ReturnType<Endpoint<Body>['run']> {
  const body = readBody(schema, request.body)
  const signal = goneSignal(reply)
  const engine = await openEngine(enginePort(request), limitMs)
  const work = (): ReturnType<Endpoint<Body>['run']> => {
    signal.throwIfAborted() // nothing has been done yet, and nobody would know of it
    return run({ engine, body, signal })
  }
  return turn ? turns.take(`${engine.name} ${turn(body)}`, work) : work()
}

function readBody<Body>(schema: Endpoint<Body>['schema'], bytes: unknown): Body {
  const json = parseJsonBody(bytes)
  if (!json) throw new ControlApiError(400, 'Invalid JSON body')
  const read = schema.safeParse(json.value)
  if (read.success) return read.data
  throw new ControlApiError(400, `Payload validation error: ${describeProblems(read.error)}`)
}

/** Some daemon records lack the port; AppAPI then sends the header empty and means the engine next to the data plane (its contract §2.1). */
function enginePort({ headers }: FastifyRequest): number {
  const written = headers['docker-engine-port']
  if (typeof written !== 'string') throw new ControlApiError(400, "Missing 'docker-engine-port' header.")
  if (written === '') return localEnginePort
  const port = /^\d{1,5}$/.test(written) ? Number(written) : 0
  if (port < 1 || port > 65_535) throw new ControlApiError(400, `Invalid 'docker-engine-port' header value: ${written.slice(0, 32)}`)
  return port
}

/** Aborted when the caller leaves before it has an answer. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new ClientGoneError('the client went away'))
  })
  return gone.signal
}
