import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { properties } from './properties.ts'
import { tryProperty, type Verdict } from './try-property.ts'

/** fast-check's seeds are 32 bits. */
const SEEDS = 2 ** 31

/** As many as fit into the time. */
const WITHOUT_END = 2 ** 31 - 1

/** `npm run fuzz -- [--seed N] [--minutes M] [--only name]`: long random runs of what `npm test` tries a little. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, minutes: { type: 'string', default: '10' }, only: { type: 'string' }, path: { type: 'string' }, replay: { type: 'string' } },
  })
  const seed = values.seed === undefined ? randomInt(SEEDS) : Number(values.seed)
  const minutes = Number(values.minutes)
  const chosen = properties.filter(({ name }) => values.only === undefined || name === values.only)
  if (!Number.isInteger(seed) || !(minutes > 0) || chosen.length === 0) {
    process.stderr.write(`accepted: --seed with a whole number, --minutes above 0, --only with one of ${properties.map(({ name }) => name).join(', ')}\n`)
    return 2
  }
  process.stdout.write(`seed ${seed}\n`)
  const trial = { seed, milliseconds: (minutes * 60_000) / chosen.length, runs: WITHOUT_END, path: values.path, replayPath: values.replay }
  let failed = false
  for (const property of chosen) {
    const verdict = await tryProperty(property, trial)
    process.stdout.write(`${verdict.failure ? 'BROKEN' : 'held  '} ${property.name}, ${verdict.runs} runs: ${property.claim}\n`)
    failed ||= verdict.failure !== undefined
    if (verdict.failure) process.stdout.write(tell(property.name, seed, verdict.failure))
  }
  return failed ? 1 : 0
}

/** The smallest input that was found, what happened, and the command that shows it again at once. */
function tell(name: string, seed: number, { counterexample, error, path, replayPath }: NonNullable<Verdict['failure']>): string {
  const replay = replayPath === undefined ? '' : ` --replay '${replayPath}'`
  return `\n${counterexample}\n\n${error}\n\nagain: npm run fuzz -- --seed ${seed} --only ${name} --path ${path}${replay}\n\n`
}

process.exitCode = await main()
