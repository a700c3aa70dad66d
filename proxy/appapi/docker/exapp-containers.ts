import { z } from 'zod'
import { readAnswer, statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import { EngineRefusalError } from './errors.ts'
import { containerPrefix } from './names.ts'

/** Far more ExApps than one Nextcloud has ports for; a number that an engine which dials in cannot exceed. */
const maxContainers = 1_000

const limitMs = 30_000

const listSchema = z.array(z.object({ Names: z.array(z.string()).nullish() }))

/** Names become parts of paths, so only those of ExApps' containers are taken from what an engine says. */
const ownName = new RegExp(String.raw`^/?(${containerPrefix}[\w.-]{1,200})$`)

/** The names of all ExApps' containers on an engine, running or not. Throws what the engine client throws, and `EngineRefusalError`. */
export async function exAppContainers(engine: EngineClient): Promise<readonly string[]> {
  const filters = JSON.stringify({ name: [containerPrefix] })
  const answer = await engine.call({ method: 'GET', path: '/containers/json', query: { all: 'true', filters }, limitMs })
  if (answer.status !== 200) throw new EngineRefusalError(`Error listing containers via Docker Engine: ${statusText(answer)}`)
  const names = readAnswer(answer, listSchema, 'list of containers').flatMap(({ Names }) => Names ?? [])
  return [...new Set(names.flatMap((name) => ownName.exec(name)?.[1] ?? []))].sort().slice(0, maxContainers)
}
