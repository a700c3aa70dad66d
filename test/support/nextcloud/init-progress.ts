import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { ExAppTable } from './exapp-table.ts'
import { answerJson } from './reply.ts'

/** How far an ExApp says that its init step is. */
export interface InitProgress {
  /** 0 to 100. */
  readonly progress: number
  readonly error: string
}

/** What Nextcloud does with it before it answers: at 100 it enables the ExApp. */
export type OnInitProgress = (appId: string, progress: InitProgress) => Promise<void>

const progressSchema = z.object({ progress: z.int().min(0).max(100), error: z.string().default('') })

/** Answers `ex-app/status`, where ExApps report their init step, signed with their secret (AppAPI contract §8.4). */
export async function answerInitProgress(
  request: IncomingMessage,
  response: ServerResponse,
  { exapps, onInitProgress }: { readonly exapps: ExAppTable; readonly onInitProgress: OnInitProgress },
): Promise<void> {
  if (request.method !== 'PUT') return answerOcs(response, 405, 'Method not allowed', { Allow: 'PUT' })
  const appId = header(request, 'ex-app-id')
  const signature = Buffer.from(header(request, 'authorization-app-api'), 'base64').toString('utf8')
  const secret = signature.slice(signature.indexOf(':') + 1)
  const known = exapps.metaOf(appId)
  if (!known || secret !== known.exapp_token || header(request, 'ex-app-version') === '') return answerOcs(response, 401, 'Unknown ExApp or wrong secret')
  const progress = progressSchema.safeParse(parsed(await text(request)))
  if (!progress.success) return answerOcs(response, 400, z.prettifyError(progress.error))
  await onInitProgress(appId, progress.data)
  answerOcs(response, 200, 'OK')
}

function answerOcs(response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void {
  const statuscode = status === 200 ? 100 : status
  answerJson(response, status, { ocs: { meta: { status: status === 200 ? 'ok' : 'failure', statuscode, message }, data: [] } }, headers)
}

function header({ headers }: IncomingMessage, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
