import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { EngineRefusalError } from './errors.ts'

/** What an engine answered, whatever its status. */
export interface EngineAnswer {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly body: Buffer
}

/** Of an engine's reason: AppAPI shows 120 characters of an answer, the log may have more. */
const maxReasonLength = 300

/** Docker's and Podman's own reason. */
const reasonSchema = z.object({ message: z.string() })

/** Reads what an engine says in JSON. Throws `EngineRefusalError` for anything else: an engine that dials in could answer anything. */
export function readAnswer<T>(answer: EngineAnswer, schema: z.ZodType<T>, what: string): T {
  const read = schema.safeParse(json(answer.body))
  if (!read.success) throw new EngineRefusalError(`The Docker Engine's ${what} is unusable; is it a Docker Engine that answers there?`)
  return read.data
}

/** `Status n`, with the reason that the engine gives in one line. `redact` takes secrets out of it: Docker quotes what it refuses. */
export function statusText({ status, body }: EngineAnswer, redact: (text: string) => string = (text) => text): string {
  const read = reasonSchema.safeParse(json(body))
  const reason = read.success ? redact(read.data.message).replaceAll(/\s+/g, ' ').trim().slice(0, maxReasonLength) : ''
  return `Status ${status}${reason === '' ? '' : `: ${reason}`}`
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined // what is no JSON fits no schema
  }
}
