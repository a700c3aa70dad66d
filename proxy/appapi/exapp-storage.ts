import type { FastifyInstance } from 'fastify'
import { type ExApp, exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { ControlApiError } from './errors.ts'
import { refuseOtherMethods } from './method-not-allowed.ts'

/** Where pushed records go. */
export interface ExAppStorage {
  store(exApp: ExApp): void
  /** Answers whether there was a record. */
  forget(appId: string): boolean
}

/** What AppAPI pushes after enabling and takes back after disabling an ExApp (AppAPI contract §5). */
export function exAppStorageRoutes(app: FastifyInstance, storage: ExAppStorage): void {
  app.post<{ Params: { appId: string } }>('/exapp_storage/:appId', (request, reply) => {
    const exApp = readRecord(request.params.appId, request.body)
    // After some updates AppAPI pushes an empty route list although the app has routes (AppAPI contract §13): then Nextcloud is asked.
    if (exApp.routeCount === 0) storage.forget(exApp.id)
    else storage.store(exApp)
    return reply.code(204).send()
  })

  app.delete<{ Params: { appId: string } }>('/exapp_storage/:appId', (request, reply) => {
    if (!storage.forget(request.params.appId)) throw new ControlApiError(404, '404: Not Found')
    return reply.code(204).send()
  })
  refuseOtherMethods(app, '/exapp_storage/:appId', ['POST', 'DELETE'])
}

function readRecord(appId: string, body: unknown): ExApp {
  const read = exAppSchema.safeParse(parseJson(body))
  if (read.success) return toExApp(appId, read.data)
  // Names of fields only: a value may be the ExApp's token.
  const problems = read.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ')
  throw new ControlApiError(400, `400: Bad Request: ${problems}`)
}

function parseJson(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '')
  } catch (error) {
    throw new ControlApiError(400, '400: Bad Request: the body is not JSON', { cause: error })
  }
}
