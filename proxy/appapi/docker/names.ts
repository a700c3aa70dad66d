import { z } from 'zod'

/**
 * Letters that Docker allows in names, beginning with one that makes no `..`: names become parts of the engine's paths (Q18).
 * No longer than a host name may be, because the id is the container's.
 */
const name = /^\w[\w.-]{0,62}$/
const namePart = /^[\w.-]{0,63}$/

const accepted = { error: 'accepted: up to 63 letters, digits, _ . and -' }

/** The fields that say which container a call is about (HaRP contract §6.3). */
export const namesSchema = z.object({
  name: z.string().regex(name, accepted),
  instance_id: z.string().regex(namePart, accepted).default(''),
  role_suffix: z.string().regex(namePart, accepted).default(''),
})

/** What belongs to one ExApp on an engine. */
export interface ExAppNames {
  /** The ExApp's id as Nextcloud spells it; also its container's host name. */
  readonly app: string
  readonly container: string
  /** One for all roles of an ExApp. */
  readonly volume: string
  /** What all roles have in common. */
  readonly base: string
}

/** What the names of all containers of ExApps begin with. */
export const containerPrefix = 'nc_app_'

/** Names of HaRP contract §6.3, so that ExApps which HaRP installed are found. */
export function namesOf({ name, instance_id: instance, role_suffix: role }: z.output<typeof namesSchema>): ExAppNames {
  const base = `${containerPrefix}${instance === '' ? '' : `${instance}_`}${name}`
  return { app: name, base, container: role === '' ? base : `${base}_${role}`, volume: `${base}_data` }
}
