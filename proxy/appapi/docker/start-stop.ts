import { ControlApiError } from '../errors.ts'
import { type EngineAnswer, statusText } from './engine-answer.ts'
import { containerKey, type Endpoint, type NamedBody, type Reply } from './endpoint.ts'
import { EngineRefusalError } from './errors.ts'
import { inspect } from './inspect.ts'
import { namesOf, namesSchema } from './names.ts'
import type { UntoldEffects } from './untold-effects.ts'

/** HaRP contract §6.4. An engine gives a container 10 s to stop by itself. */
const limitMs = 30_000

const already = (done: string): Reply => ({ status: 200, body: `Container already ${done}` })

/** `start`. While deploying AppAPI takes "already started" for a failure, so what we have started ourselves counts as started now. */
export const startEndpoint = (untold: UntoldEffects): Endpoint<NamedBody> => ({
  name: 'start',
  limitMs,
  schema: namesSchema,
  turn: (body) => namesOf(body).base,
  run: async ({ engine, body, signal }) => {
    const names = namesOf(body)
    const key = containerKey(engine, names)
    const wasOurs = untold.has(key, 'started')
    untold.note(key, 'started')
    const answer = await engine.call({ method: 'POST', path: `/containers/${names.container}/start`, limitMs })
    const isOurs = wasOurs || answer.status === 204
    untold.settle(key, 'created')
    if (!isOurs || !signal.aborted) untold.settle(key, 'started')
    // Engines say 404 also for what the container needs, such as its network.
    if (answer.status === 404 && (await inspect(engine, names.container, { limitMs })).container) throw refusal(answer, 'starting', names.container)
    return answer.status === 304 && !isOurs ? already('started') : done(answer, 'starting', names.container)
  },
})

/** `stop`, with the engine's own time for an orderly end. */
export const stopEndpoint = (untold: UntoldEffects): Endpoint<NamedBody> => ({
  name: 'stop',
  limitMs,
  schema: namesSchema,
  turn: (body) => namesOf(body).base,
  run: async ({ engine, body }) => {
    const names = namesOf(body)
    const answer = await engine.call({ method: 'POST', path: `/containers/${names.container}/stop`, limitMs })
    untold.settle(containerKey(engine, names), 'started')
    return answer.status === 304 ? already('stopped') : done(answer, 'stopping', names.container)
  },
})

function done(answer: EngineAnswer, doing: string, container: string): Reply {
  if (answer.status === 204 || answer.status === 304) return { status: 204 }
  if (answer.status === 404) throw new ControlApiError(404, `Container '${container}' not found.`)
  throw refusal(answer, doing, container)
}

const refusal = (answer: EngineAnswer, doing: string, container: string): EngineRefusalError =>
  new EngineRefusalError(`Error ${doing} container '${container}' via Docker Engine: ${statusText(answer)}`)
