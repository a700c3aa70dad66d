import type { EngineAnswer } from './engine-call.ts'
import type { EngineStage } from './engine-stage.ts'

/** Endpoints of `/docker/exapp/`. */
export const endpoints = ['exists', 'create', 'start', 'stop', 'wait_for_start', 'remove', 'image_remove', 'install_certificates'] as const
export type Endpoint = (typeof endpoints)[number]

/** One call with AppAPI's headers; `body` is sent as JSON unless it is text or bytes. */
export function exAppCall(
  stage: EngineStage,
  endpoint: Endpoint,
  body: unknown,
  { engine = '24000', ...headers }: { readonly engine?: string | undefined; readonly [header: string]: string | undefined } = {},
): Promise<EngineAnswer> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const named = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  return stage.call({
    method: 'POST',
    path: `/docker/exapp/${endpoint}`,
    engine: engine === 'none' ? undefined : engine,
    body: bytes,
    headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...Object.fromEntries(named) },
  })
}
