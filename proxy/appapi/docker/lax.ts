import { z } from 'zod'

/** HaRP reads bodies as pydantic does in its lax mode (HaRP contract §6.1): these are the words that stand for true and false. */
const words: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...['1', 'on', 't', 'true', 'y', 'yes', 1, true].map((word) => [word, true] as const),
  ...['0', 'off', 'f', 'false', 'n', 'no', 0, false].map((word) => [word, false] as const),
])

export const laxBoolean = z.union([z.boolean(), z.string(), z.number()], { error: 'accepted: true or false' }).transform((written, context) => {
  const read = words.get(typeof written === 'string' ? written.toLowerCase() : written)
  if (read === undefined) context.addIssue({ code: 'custom', message: 'accepted: true or false' })
  return read ?? z.NEVER
})

/** An amount of bytes or of billionths of a CPU. Engines take whole numbers only; AppAPI also sends others (its contract §11). */
export const laxAmount = z
  .union([z.number(), z.stringFormat('number', /^\d{1,16}(?:\.\d{1,9})?$/).transform(Number)], { error: 'accepted: a number' })
  .transform((amount) => Math.round(amount))
  .pipe(z.int({ error: 'accepted: a number' }).min(0, 'accepted: 0 or more'))
