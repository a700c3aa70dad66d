import { z } from 'zod'
import type { Logger } from '../../log.ts'
import { ControlApiError } from '../errors.ts'
import { containerDefinition } from './container-definition.ts'
import { type ContainerPolicy, imageRefusal, mountRefusal } from './container-policy.ts'
import { type CreateBody, createSchema } from './create-body.ts'
import { type EngineAnswer, readAnswer, statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import { containerKey, type Endpoint } from './endpoint.ts'
import { EngineRefusalError, NotAllowedError } from './errors.ts'
import { exAppEnvironment } from './exapp-environment.ts'
import { inspect } from './inspect.ts'
import { type ExAppNames, namesOf } from './names.ts'
import { createRedactor } from './redact.ts'
import type { UntoldEffects } from './untold-effects.ts'

/** Of one request to the engine (HaRP contract §6.4). */
const limitMs = 60_000

const createdSchema = z.object({ Id: z.string() })

export interface CreateDeps {
  readonly untold: UntoldEffects
  /** Read at each use, like the keys: current first. */
  readonly policy: () => ContainerPolicy
  readonly sharedKeys: () => readonly string[]
  readonly log: Logger
}

/** `create`: the ExApp's volume, then its container, not started (HaRP contract §6.4.1). */
export function createEndpoint(deps: CreateDeps): Endpoint<CreateBody> {
  return {
    name: 'create',
    schema: createSchema,
    turn: (body) => namesOf(body).base,
    run: async ({ engine, body }) => {
      const names = namesOf(body)
      checkPolicy(names, body, deps)
      const environment = exAppEnvironment(body.environment_variables, names.app, deps.sharedKeys()[0] ?? '')
      const redact = createRedactor(body.environment_variables, deps.sharedKeys())
      await ensureVolume(engine, names.volume)
      const answer = await createContainer(engine, names, containerDefinition(names, body, environment), deps.untold)
      if (answer.status === 201) {
        const { Id: id } = readAnswer(answer, createdSchema, 'answer about a new container')
        deps.untold.settle(containerKey(engine, names), 'created')
        return { status: 201, body: { id, name: names.container } }
      }
      if (answer.status === 409) throw new ControlApiError(409, `Container with name '${names.container}' already exists.`)
      throw new EngineRefusalError(`Error creating container '${names.container}': ${statusText(answer, redact)}`)
    },
  }
}

/** Before the engine is asked anything. Throws `NotAllowedError`. */
function checkPolicy({ container }: ExAppNames, body: CreateBody, { policy, log }: CreateDeps): void {
  const allowed = policy()
  const refusals = [imageRefusal(body.image, allowed), ...body.mount_points.map(({ source }) => mountRefusal(source, allowed))]
  const refusal = refusals.find((reason) => reason !== undefined)
  if (refusal !== undefined) throw new NotAllowedError(refusal)
  if (allowed.mounts) return
  for (const mount of body.mount_points) {
    log.warn({ container, ...mount }, 'an ExApp gets a folder of its engine; HARPOON_ALLOWED_MOUNTS is not set')
  }
}

async function ensureVolume(engine: EngineClient, volume: string): Promise<void> {
  const found = await engine.call({ method: 'GET', path: `/volumes/${volume}`, limitMs })
  if (found.status === 200) return
  if (found.status !== 404) throw new EngineRefusalError(`Error inspecting volume '${volume}': ${statusText(found)}`)
  const made = await engine.call({ method: 'POST', path: '/volumes/create', body: { Name: volume }, limitMs })
  if (made.status !== 201) throw new EngineRefusalError(`Failed to create volume '${volume}': ${statusText(made)}`)
}

async function createContainer(
  engine: EngineClient,
  names: ExAppNames,
  definition: object,
  untold: UntoldEffects,
): Promise<EngineAnswer> {
  const key = containerKey(engine, names)
  const mayBeOurs = untold.has(key, 'created')
  const ask = (): Promise<EngineAnswer> =>
    engine.call({ method: 'POST', path: '/containers/create', query: { name: names.container }, body: definition, limitMs })
  untold.note(key, 'created')
  let answer = await ask()
  if (answer.status === 409 && mayBeOurs && (await removeUnstarted(engine, names.container))) answer = await ask()
  if (answer.status !== 201) untold.settle(key, 'created') // it says so itself: there is none of ours
  return answer
}

/** Takes away the container of a call whose answer got lost; one that has ever run is somebody's. Answers whether it is gone. */
async function removeUnstarted(engine: EngineClient, name: string): Promise<boolean> {
  const { answer, container } = await inspect(engine, name, { limitMs })
  if (answer.status === 404) return true
  if (container?.State.Status !== 'created') return false
  const { status } = await engine.call({ method: 'DELETE', path: `/containers/${name}`, limitMs })
  return status === 204 || status === 404
}
