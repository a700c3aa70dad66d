import { z } from 'zod'
import { type EngineAnswer, readAnswer, statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import type { Endpoint } from './endpoint.ts'
import { EngineRefusalError } from './errors.ts'
import { mayBeImageId, parseImageReference } from './image-reference.ts'

/** HaRP contract §6.4. */
const limitMs = 30_000

const schema = z.object({
  // Anything else could be another path of the engine.
  image_ref: z.string().refine((text) => mayBeImageId(text) || parseImageReference(text) !== undefined, 'accepted: an image reference or id'),
})

const sizeSchema = z.object({ Size: z.number() })
const removalsSchema = z.array(z.object({ Deleted: z.string().optional() }))

/** `image_remove`: an image that no container uses (HaRP contract §6.4.3). */
export const imageRemove: Endpoint<z.output<typeof schema>> = {
  name: 'image_remove',
  limitMs,
  schema,
  run: async ({ engine, body }) => {
    const path = `/images/${encodeURIComponent(body.image_ref)}`
    const notFound = { status: 200, body: { deleted: true, bytes_freed: 0, reason: 'not_found' } } as const
    const size = await sizeOf(engine, path)
    if (size === undefined) return notFound
    const removed = await engine.call({ method: 'DELETE', path, limitMs })
    if (removed.status === 200) return { status: 200, body: { deleted: true, bytes_freed: hasDeleted(removed) ? size : 0 } }
    if (removed.status === 404) return notFound
    if (removed.status === 409) return { status: 200, body: { deleted: false, reason: 'in_use' } }
    throw new EngineRefusalError(`Error removing image '${body.image_ref}' via Docker Engine: ${statusText(removed)}`)
  },
}

/** In bytes, 0 when the engine does not say; `undefined` when there is no such image. */
async function sizeOf(engine: EngineClient, path: string): Promise<number | undefined> {
  const answer = await engine.call({ method: 'GET', path: `${path}/json`, limitMs })
  if (answer.status === 404) return undefined
  if (answer.status !== 200) return 0
  return readOr(0, () => readAnswer(answer, sizeSchema, 'description of an image').Size)
}

/** Otherwise only a name was taken away, and the image has others. */
const hasDeleted = (answer: EngineAnswer): boolean =>
  readOr(false, () => readAnswer(answer, removalsSchema, 'list of removals').some(({ Deleted }) => Deleted !== undefined))

/** The number is only shown: an answer that cannot be read must not fail the removal. */
function readOr<T>(fallback: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof EngineRefusalError) return fallback
    throw error
  }
}
