import { z } from 'zod'
import { readAnswer } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'

const startedSchema = z.object({ Id: z.string().regex(/^[\w-]{1,128}$/) })
const endedSchema = z.object({ ExitCode: z.number().nullish() })

export interface Exec {
  readonly engine: EngineClient
  /** The container's name. */
  readonly name: string
  readonly command: readonly string[]
  /** Of one request, in milliseconds; read at each use. */
  readonly limitMs: () => number
}

/**
 * Runs a command in a running container, as root whatever the image's user is (Q25), and waits for its end. What did not work: an
 * exit code other than 0, or that the container has ended. Throws what the engine client throws.
 */
export async function execAsRoot({ engine, name, command, limitMs }: Exec): Promise<{ readonly problem: string | undefined }> {
  const made = await engine.call({
    method: 'POST',
    path: `/containers/${name}/exec`,
    body: { AttachStdout: true, AttachStderr: true, User: '0', Cmd: command },
    limitMs: limitMs(),
  })
  if (made.status !== 201) return { problem: `not run: status ${made.status}` }
  const { Id: id } = readAnswer(made, startedSchema, 'answer about a command')
  const output = await engine.call({ method: 'POST', path: `/exec/${id}/start`, body: { Detach: false, Tty: false }, limitMs: limitMs() })
  if (output.status !== 200) return { problem: `not run: status ${output.status}` }
  const ended = await engine.call({ method: 'GET', path: `/exec/${id}/json`, limitMs: limitMs() })
  const code = ended.status === 200 ? readAnswer(ended, endedSchema, 'answer about a command').ExitCode : undefined
  return { problem: code === 0 ? undefined : `exit code ${code ?? 'unknown'}` }
}
