import { z } from 'zod'
import { type EngineAnswer, readAnswer } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'

const stateSchema = z.object({
  Status: z.string().default(''),
  Running: z.boolean().default(false),
  ExitCode: z.number().optional(),
  StartedAt: z.string().default(''),
  // Podman has the object without a health check as well, with an empty status.
  Health: z.object({ Status: z.string().default('') }).nullish(),
})

/** What we read of a container; all of it optional, because engines differ, and Podman's Docker API more. */
const containerSchema = z.object({
  Image: z.string().default(''),
  Config: z
    .object({ Image: z.string().default(''), Env: z.array(z.string()).nullish(), Tty: z.boolean().default(false) })
    .default({ Image: '', Tty: false }),
  State: stateSchema,
})

export type Container = z.output<typeof containerSchema>

export interface Inspected {
  readonly answer: EngineAnswer
  /** Present when the status is 200. */
  readonly container: Container | undefined
}

/** Asks for a container; the answer's status says whether it is there. Throws what the engine client throws, and `EngineRefusalError`. */
export async function inspect(engine: EngineClient, name: string, options: { limitMs: number; signal?: AbortSignal }): Promise<Inspected> {
  const answer = await engine.call({ method: 'GET', path: `/containers/${name}/json`, ...options })
  return { answer, container: answer.status === 200 ? readAnswer(answer, containerSchema, 'description of a container') : undefined }
}
