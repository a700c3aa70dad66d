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
    limitMs,
    schema: createSchema,
    turn: (body) => namesOf(body).base,
    run: async ({ engine, body, signal }) => {
      const names = namesOf(body)
      checkPolicy(names, body, deps)
      const environment = exAppEnvironment(body.environment_variables, names.app, deps.sharedKeys()[0] ?? '')
      const redact = createRedactor(body.environment_variables, deps.sharedKeys())
      await ensureVolume(engine, names.volume)
      const answer = await createContainer(engine, names, containerDefinition(names, body, environment), deps.untold)
      if (answer === 'taken') throw new ControlApiError(409, `Container with name '${names.container}' already exists.`)
      if (answer.status !== 201) throw new EngineRefusalError(`Error creating container '${names.container}': ${statusText(answer, redact)}`)
      const { Id: id } = readAnswer(answer, createdSchema, 'answer about a new container')
      if (!signal.aborted) deps.untold.settle(containerKey(engine, names), 'created')
      return { status: 201, body: { id, name: names.container } }
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

/** Answers `taken` when there is a container of that name already, and it is not one whose making a caller was never told of. */
async function createContainer(engine: EngineClient, names: ExAppNames, definition: object, untold: UntoldEffects): Promise<EngineAnswer | 'taken'> {
  const key = containerKey(engine, names)
  const mayBeOurs = untold.has(key, 'created')
  const ask = (): Promise<EngineAnswer> =>
    engine.call({ method: 'POST', path: '/containers/create', query: { name: names.container }, body: definition, limitMs })
  untold.note(key, 'created')
  let answer = await ask()
  if (answer.status === 201) return answer
  let holder = await holderOf(engine, names.container, answer)
  if (mayBeOurs && holder === 'unstarted' && (await removeUnstarted(engine, names.container))) {
    answer = await ask()
    if (answer.status === 201) return answer
    holder = await holderOf(engine, names.container, answer)
  }
  untold.settle(key, 'created') // the engine says so: what is there, if anything, is not ours
  return holder === 'nobody' ? answer : 'taken'
}

/** Who has the name, after a refusal: Docker says with a status of its own that it is taken, Podman's is the one for everything. */
async function holderOf(engine: EngineClient, name: string, { status }: EngineAnswer): Promise<'nobody' | 'somebody' | 'unstarted'> {
  if (status !== 409 && status !== 500) return 'nobody'
  const { container } = await inspect(engine, name, { limitMs })
  if (container) return container.State.Status === 'created' ? 'unstarted' : 'somebody'
  return status === 409 ? 'somebody' : 'nobody'
}

/** Takes away the container of a call whose answer got lost. Without force: one that has been started meanwhile is somebody's. */
async function removeUnstarted(engine: EngineClient, name: string): Promise<boolean> {
  const { status } = await engine.call({ method: 'DELETE', path: `/containers/${name}`, limitMs })
  return status === 204 || status === 404
}
