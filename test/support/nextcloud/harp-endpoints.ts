import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExAppTable } from './exapp-table.ts'
import { answerJson, queryOf } from './reply.ts'
import type { Users } from './users.ts'

// One text for both reasons: the caller must not learn whether the key was right.
const refused = { message: 'Unknown ExApp or wrong shared key' }

/** Answers `exapp-meta` (AppAPI contract §8.1); returns how many failed attempts Nextcloud counts (§8.3). */
export function answerExAppMeta(
  request: IncomingMessage,
  response: ServerResponse,
  { sharedKey, exapps }: { readonly sharedKey: string; readonly exapps: ExAppTable },
): number {
  if (refuseOtherMethods(request, response)) return 0
  const meta = exapps.metaOf(queryOf(request, 'appId') ?? '')
  const keyIsRight = request.headers['harp-shared-key'] === sharedKey
  if (meta && keyIsRight) answerJson(response, 200, meta)
  else answerJson(response, 401, refused)
  return keyIsRight ? 0 : 2
}

/** Answers `user-info` (AppAPI contract §8.2); returns how many failed attempts Nextcloud counts (§8.3). */
export function answerUserInfo(
  request: IncomingMessage,
  response: ServerResponse,
  { sharedKey, exapps, users }: { readonly sharedKey: string; readonly exapps: ExAppTable; readonly users: Users },
): number {
  if (refuseOtherMethods(request, response)) return 0
  const known = exapps.has(queryOf(request, 'appId') ?? '')
  const allowed = known && request.headers['harp-shared-key'] === sharedKey
  if (allowed) answerJson(response, 200, users.visitorOf(request))
  else answerJson(response, 401, refused)
  return allowed ? 0 : 1
}

function refuseOtherMethods(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method === 'GET') return false
  answerJson(response, 405, { message: 'Method not allowed' }, { Allow: 'GET' })
  return true
}
