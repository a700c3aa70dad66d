import { randomInt } from 'node:crypto'
import * as fc from 'fast-check'
import { type FuzzArguments, readFuzzArguments, usage } from './fuzz-arguments.ts'
import type { FuzzProperty } from './fuzz-property.ts'
import { properties } from './properties.ts'
import { brokenReport, failureReport } from './report.ts'

/** How long one property is tried before it is the next one's turn. */
const turnMs = 30_000

/** Tries all properties in turn, with another seed in each round, until time is up or one does not hold. */
async function main(): Promise<number> {
  const asked = readArguments()
  if (!asked) return 2
  process.stdout.write(`seed ${asked.seed}\n`)
  const chosen = properties.filter(({ name }) => asked.only.includes(name))
  const until = performance.now() + asked.minutes * 60_000
  for (let round = 0; round === 0 || (asked.path === undefined && performance.now() < until); round += 1) {
    for (const property of chosen) {
      const holds = await tryOut(property, { ...asked, seed: (asked.seed + round) | 0 }, Math.min(turnMs, Math.max(1000, until - performance.now())))
      if (!holds) return 1
    }
  }
  return 0
}

function readArguments(): FuzzArguments | undefined {
  try {
    return readFuzzArguments(process.argv.slice(2), randomInt(2 ** 31))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    return undefined
  }
}

/** Says whether a property holds, and leaves nothing behind; if not, what was seen and how to see it again. */
async function tryOut(property: FuzzProperty, asked: FuzzArguments, limitMs: number): Promise<boolean> {
  try {
    return await search(property, asked, limitMs)
  } catch (error) {
    process.stdout.write(`${brokenReport(property.name, asked.seed, error)}\n`)
    return false
  }
}

async function search(property: FuzzProperty, { seed, path, replay }: FuzzArguments, limitMs: number): Promise<boolean> {
  const { name } = property
  await using trial = await property.start({ replayPath: replay })
  const details = await fc.check<unknown>(trial.property as fc.IAsyncProperty<unknown>, {
    seed,
    ...(path === undefined ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: limitMs } : { path }),
  })
  process.stdout.write(`${name}: ${details.failed ? 'does not hold' : 'held'} in ${details.numRuns} runs of seed ${seed}\n`)
  if (details.failed) process.stdout.write(`${failureReport(name, details)}\n`)
  return !details.failed
}

process.exitCode = await main()
