import { statusText } from './engine-answer.ts'
import { EngineRefusalError } from './errors.ts'
import type { Endpoint, NamedBody } from './endpoint.ts'
import { inspect } from './inspect.ts'
import { namesOf, namesSchema } from './names.ts'

/** HaRP contract §6.4. */
const limitMs = 15_000

/** `exists`: whether the container is there, and of which image it is. */
export const exists: Endpoint<NamedBody> = {
  name: 'exists',
  limitMs,
  schema: namesSchema,
  run: async ({ engine, body }) => {
    const { answer, container } = await inspect(engine, namesOf(body).container, { limitMs })
    if (container) return { status: 200, body: { exists: true, image_ref: container.Config.Image || container.Image } }
    if (answer.status === 404) return { status: 200, body: { exists: false } }
    throw new EngineRefusalError(`An unexpected error occurred while checking container status. ${statusText(answer)}`)
  },
}
