import { z } from 'zod'
import { ControlApiError } from '../errors.ts'

/** A line of a pull's progress that ends it. */
const failureSchema = z.object({ error: z.string() })

/**
 * What a pull failed with whose stream begins with an error. Podman answers 200 before it knows whether the image exists, and AppAPI
 * believes the status alone: it would then create a container of an image that is not there (AppAPI contract §3.1, D2). The status is the one that
 * Docker has for it.
 */
export function failedPull(line: string): ControlApiError | undefined {
  try {
    const failure = failureSchema.safeParse(JSON.parse(line))
    return failure.success ? new ControlApiError(500, failure.data.error) : undefined
  } catch {
    return undefined // progress that cannot be read is AppAPI's to judge
  }
}
