import { z } from 'zod'
import { normalPath } from '../../settings/allowed-mounts.ts'
import { laxAmount } from './lax.ts'
import { namesSchema } from './names.ts'

/** Docker's pattern of network names. `container:…` and the like would join somebody else's. */
const networkName = /^[a-z\d][\w.-]{0,127}$/i

/** No engine knows an image by a longer name. */
const maxImageLength = 600

/** Words of an engine, of which it knows the right ones. */
const maxPolicyLength = 64

const path = z.string().transform((written, context) => {
  const normal = normalPath(written)
  if (normal === undefined) context.addIssue({ code: 'custom', message: 'accepted: an absolute path without ..' })
  return normal ?? z.NEVER
})

const mountSchema = z
  .object({ source: path, target: path, mode: z.string().default('rw') })
  .transform(({ source, target, mode }) => ({ source, target, readOnly: mode === 'ro' }))

/** A bind mount of an ExApp. */
export type Mount = z.output<typeof mountSchema>

/** Without NUL: the process would get something else than what was checked. Unlike in a pattern, the reason needs no value. */
const variable = z.string().refine((text) => !text.includes('\0') && !text.startsWith('='), 'accepted: KEY=VALUE')

/** The body of `create` (HaRP contract §6.4.1). Fields that are not named here have no effect. */
export const createSchema = namesSchema
  .extend({
    image_id: z.string().min(1).max(maxImageLength).optional(),
    image: z.string().min(1).max(maxImageLength).optional(),
    network_mode: z.string().regex(networkName, 'accepted: the name of a network').default('bridge'),
    environment_variables: z.array(variable).default([]),
    restart_policy: z.string().max(maxPolicyLength).default('unless-stopped'),
    compute_device: z.enum(['cpu', 'cuda', 'rocm']).default('cpu'),
    mount_points: z.array(mountSchema).default([]),
    resource_limits: z.object({ memory: laxAmount.nullish(), nanoCPUs: laxAmount.nullish() }).default({}),
  })
  .transform(({ image_id, image, ...fields }, context) => {
    const chosen = image_id ?? image
    if (chosen === undefined) context.addIssue({ code: 'custom', path: ['image_id'], message: 'Invalid input: expected string, received undefined' })
    return { ...fields, image: chosen ?? z.NEVER }
  })

export type CreateBody = z.output<typeof createSchema>
