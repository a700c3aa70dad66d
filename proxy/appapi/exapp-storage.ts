import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { type ExApp, exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { ControlApiError } from './errors.ts'
import { refuseOtherMethods } from './method-not-allowed.ts'

/** Where pushed records go. */
export interface ExAppStorage {
  store(exApp: ExApp): void
  /** Answers whether there was a record. */
  forget(appId: string): boolean
}

/** Problems of a record that are named; AppAPI shows 120 characters of them, and a broken record can have one per route. */
const maxProblems = 5

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
  const read = exAppSchema.safeParse(parseJson(body))
  if (read.success) return toExApp(appId, read.data)
  throw new ControlApiError(400, `400: Bad Request: ${describe(read.error)}`)
}

/** Names of fields and what is wrong with them, never a value: it may be the ExApp's token. */
function describe({ issues }: z.ZodError): string {
  const named = issues.slice(0, maxProblems).map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  return [...named, ...(issues.length > maxProblems ? [`and ${issues.length - maxProblems} more`] : [])].join('; ')
}

function parseJson(body: unknown): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body instanceof Uint8Array ? body : undefined))
  } catch {
    // Without the cause: V8 quotes what it could not read, and that may be the ExApp's token.
    throw new ControlApiError(400, '400: Bad Request: the body is not JSON in UTF-8')
  }
}
