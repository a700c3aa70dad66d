import { METHODS, type IncomingMessage } from 'node:http'
import { finished } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ClientGoneError, RequestError } from '../request/errors.ts'
import type { Exchange } from '../request/exchange.ts'
import { ControlApiError } from './errors.ts'
import { type ExAppStorage, exAppStorageRoutes } from './exapp-storage.ts'
import { generalRoutes } from './general.ts'
import { readBody } from './read-body.ts'

/** HaRP's limit (contract §6.1); nothing that these endpoints take comes near. */
export const maxBodyBytes = 1024 * 1024

/** Stands for what the caller wrote, which is not looked at (HaRP contract §6.1), however odd it is. */
const anyContent = 'application/octet-stream'

export interface ControlApiDeps {
  readonly storage: ExAppStorage
  /** How long a caller may stop within its body, in milliseconds. Read at each use. */
  readonly clientMs: () => number
}

export interface ControlApi {
  /**
   * Serves one request whose caller has the right key; `url` is the path after `/exapps/app_api`, with the query.
   * Throws a `RequestError` when it has not been answered.
   */
  serve(exchange: Exchange, url: string): Promise<void>
  close(): Promise<void>
}

/** A request on its way through the router, and where its failure goes. */
interface Served {
  readonly exchange: Exchange
  readonly reject: (error: unknown) => void
}

/** AppAPI's control API (HaRP contract §6). It has no listener of its own: requests come through the pipeline only (Q2). */
export async function createControlApi({ storage, clientMs }: ControlApiDeps): Promise<ControlApi> {
  const running = new WeakMap<IncomingMessage, Served>()
  // Refusals are answered, logged and counted where all others are; the router only finds them.
  const passOn = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack()
    running.get(request.raw)?.reject(error instanceof RequestError ? error : fromRouter(error))
  }
  const app: FastifyInstance = Fastify({
    bodyLimit: maxBodyBytes,
    logger: false,
    exposeHeadRoutes: true,
    frameworkErrors: passOn,
  })
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (request: FastifyRequest) => {
    const served = running.get(request.raw)
    return served && readBody(served.exchange, { maxBytes: request.routeOptions.bodyLimit, idleMs: clientMs() })
  })
  app.setErrorHandler(passOn)
  app.setNotFoundHandler(() => {
    throw new ControlApiError(404, '404: Not Found')
  })
  generalRoutes(app)
  exAppStorageRoutes(app, storage)
  await app.ready()
  return {
    serve: (exchange, url) =>
      new Promise((resolve, reject) => {
        const { incoming, reply } = exchange.carrier.forRouter()
        running.set(incoming, { exchange, reject })
        finished(exchange.carrier.reply, { readable: false }, (error) =>
          error ? reject(new ClientGoneError('the client went away', { cause: error })) : resolve(),
        )
        incoming.url = url
        incoming.headers['content-type'] = anyContent
        app.routing(incoming, reply)
      }),
    close: () => app.close(),
  }
}

/** The router's own refusals, e.g. of an id that is no percent-encoding; anything else is a flaw and told as such. */
function fromRouter(error: unknown): unknown {
  const status =
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  if (status >= 500) return error
  return new ControlApiError(404, '404: Not Found', { cause: error })
}
