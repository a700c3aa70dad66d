import { parseArgs } from 'node:util'
import { properties } from './properties.ts'

/** What `npm run fuzz` was asked to do. */
export interface FuzzArguments {
  readonly seed: number
  readonly minutes: number
  /** Names of properties. */
  readonly only: readonly string[]
  /** One counterexample instead of a search: where it is, as it was printed. */
  readonly path: string | undefined
  readonly replay: string | undefined
}

export const usage = `npm run fuzz -- [--seed N] [--minutes M] [--only NAME]... [--path P [--replay R]]
names: ${properties.map(({ name }) => name).join(', ')}`

/** @throws Error that says what is wrong */
export function readFuzzArguments(args: readonly string[], randomSeed: number): FuzzArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: { type: 'string' }, minutes: { type: 'string', default: '10' }, only: { type: 'string', multiple: true }, path: { type: 'string' }, replay: { type: 'string' } },
  })
  const known = properties.map(({ name }) => name)
  const unknown = (values.only ?? []).filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`there is nothing of the name ${unknown.join(', ')}`)
  const [seed, minutes] = [values.seed === undefined ? randomSeed : Number(values.seed), Number(values.minutes)]
  if (!Number.isSafeInteger(seed) || !(minutes > 0)) throw new Error('--seed is a whole number, and --minutes one above 0')
  if (values.path !== undefined && (values.only?.length !== 1 || values.seed === undefined)) throw new Error('--path needs --seed and one --only')
  return { seed, minutes, only: values.only ?? known, path: values.path, replay: values.replay }
}
