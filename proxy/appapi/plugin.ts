import Fastify, { type FastifyInstance } from 'fastify'
import type { Exchange } from '../request/exchange.ts'
import { ControlApiError } from './errors.ts'
import { type ExAppStorage, exAppStorageRoutes } from './exapp-storage.ts'
import { generalRoutes } from './general.ts'

/** HaRP's limit (contract §6.1); nothing that these endpoints take comes near. */
const maxBodyBytes = 1024 * 1024

export interface ControlApi {
  /** Serves one request whose caller has the right key; `url` is the path after `/exapps/app_api`, with the query. */
  serve(exchange: Exchange, url: string): Promise<void>
  close(): Promise<void>
}

/** AppAPI's control API (HaRP contract §6). It has no listener of its own: requests come through the pipeline only (Q2). */
export async function createControlApi({ storage }: { readonly storage: ExAppStorage }): Promise<ControlApi> {
  // The head and the pace of the body are bounded by the listener; the router needs no second time limit.
  const app = Fastify({ bodyLimit: maxBodyBytes, logger: false, exposeHeadRoutes: true, requestTimeout: 0 })
  app.removeAllContentTypeParsers()
  // The content type is not looked at, as with HaRP.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  plainTextErrors(app)
  generalRoutes(app)
  exAppStorageRoutes(app, storage)
  await app.ready()
  return {
    serve: ({ incoming, reply, expectsContinue }, url) =>
      new Promise((resolve) => {
        reply.once('close', resolve)
        incoming.url = url
        if (expectsContinue) reply.writeContinue()
        app.routing(incoming, reply)
      }),
    close: () => app.close(),
  }
}

/** AppAPI shows the first 120 characters of a body: the reason stands there, and no JSON around it. */
function plainTextErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain; charset=utf-8').send('404: Not Found'))
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof ControlApiError ? error.status : statusOf(error)
    const text = error instanceof ControlApiError || status < 500 ? (error as Error).message : '500 Internal Server Error'
    return reply.code(status).type('text/plain; charset=utf-8').send(text)
  })
}

const statusOf = (error: unknown): number => (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500)
