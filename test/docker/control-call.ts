import { callApi } from '../appapi/call.ts'
import type { Answer } from '../support/send.ts'

/** A call of `/docker/exapp/…` as AppAPI makes it. `engine` is the value of `docker-engine-port`; `undefined`: no such header. */
export function callExApp(port: number, endpoint: string, body: unknown, engine: string | undefined = '24000'): Promise<Answer> {
  return callApi(port, `/docker/exapp/${endpoint}`, {
    method: 'POST',
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(engine === undefined ? {} : { 'docker-engine-port': engine }) },
  })
}
