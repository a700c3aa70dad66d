import type { FastifyInstance } from 'fastify'
import { type ExApp, exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { ControlApiError } from './errors.ts'
import { describeProblems, parseJsonBody } from './json-body.ts'
import { refuseOtherMethods } from './method-not-allowed.ts'

/** Where pushed records go. */
export interface ExAppStorage {
  store(exApp: ExApp): void
  /** Answers whether there was a record. */
  forget(appId: string): boolean
}

/** Without the pattern the router would also take nothing for an id. */
const path = '/exapp_storage/:appId(^.+$)'

interface Path {
  readonly Params: { readonly appId: string }
}

/** What AppAPI pushes after enabling and takes back after disabling an ExApp (AppAPI contract §5). */
export function exAppStorageRoutes(app: FastifyInstance, storage: ExAppStorage): void {
  app.post<Path>(path, (request, reply) => {
    const exApp = readRecord(request.params.appId, request.body)
    // After some updates AppAPI pushes an empty route list although the app has routes (AppAPI contract §13): then Nextcloud is asked.
    if (exApp.routeCount === 0) storage.forget(exApp.id)
    else storage.store(exApp)
    return reply.code(204).send()
  })

  app.delete<Path>(path, (request, reply) => {
    if (!storage.forget(request.params.appId)) throw new ControlApiError(404, '404: Not Found')
    return reply.code(204).send()
  })
  refuseOtherMethods(app, path, ['POST', 'DELETE'])
}

function readRecord(appId: string, body: unknown): ExApp {
  const json = parseJsonBody(body)
  if (!json) throw new ControlApiError(400, '400: Bad Request: the body is not JSON in UTF-8')
  const read = exAppSchema.safeParse(json.value)
  if (read.success) return toExApp(appId, read.data)
  throw new ControlApiError(400, `400: Bad Request: ${describeProblems(read.error)}`)
}
