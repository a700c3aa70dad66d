import type { z } from 'zod'
import { ControlApiError } from '../errors.ts'
import { statusText } from './engine-answer.ts'
import { containerKey, type Endpoint } from './endpoint.ts'
import { EngineRefusalError } from './errors.ts'
import { laxBoolean } from './lax.ts'
import { namesOf, namesSchema } from './names.ts'
import type { UntoldEffects } from './untold-effects.ts'

/** HaRP contract §6.4. */
const limitMs = 30_000

const schema = namesSchema.extend({ remove_data: laxBoolean.default(false) })

/** 409: the engine is removing it already. */
const gone: ReadonlySet<number> = new Set([204, 404, 409])

/** `remove`: the container, and with `remove_data` its volume. What is not there is fine. */
export const removeEndpoint = (untold: UntoldEffects): Endpoint<z.output<typeof schema>> => ({
  name: 'remove',
  limitMs,
  schema,
  turn: (body) => namesOf(body).base,
  run: async ({ engine, body }) => {
    const names = namesOf(body)
    const removed = await engine.call({ method: 'DELETE', path: `/containers/${names.container}`, query: { force: 'true' }, limitMs })
    if (!gone.has(removed.status)) {
      throw new EngineRefusalError(`Error removing container '${names.container}' via Docker Engine: ${statusText(removed)}`)
    }
    untold.settle(containerKey(engine, names), 'created', 'started')
    if (!body.remove_data) return { status: 204 }
    const emptied = await engine.call({ method: 'DELETE', path: `/volumes/${names.volume}`, limitMs })
    if (emptied.status === 204 || emptied.status === 404) return { status: 204 }
    if (emptied.status === 409) throw new ControlApiError(409, `Volume '${names.volume}' is in use and could not be removed.`)
    throw new EngineRefusalError(`Error removing volume '${names.volume}' via Docker Engine: ${statusText(emptied)}`)
  },
})
