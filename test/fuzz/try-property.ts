import * as fc from 'fast-check'
import type { FuzzProperty } from './fuzz-property.ts'

export interface Trial {
  readonly seed: number
  /** It ends at the first of both. */
  readonly milliseconds: number
  readonly runs: number
  /** Where a counterexample of an earlier trial is, as it was printed. */
  readonly path?: string | undefined
  readonly replayPath?: string | undefined
}

export interface Verdict {
  readonly runs: number
  /** What does not hold, made as small as possible, and how to see it again; `undefined` when all runs passed. */
  readonly failure?: { readonly counterexample: string; readonly error: string; readonly path: string; readonly replayPath: string | undefined }
}

/** Tries a property with made-up input; the same seed makes up the same. */
export async function tryProperty({ start }: FuzzProperty, { seed, milliseconds, runs, path, replayPath }: Trial): Promise<Verdict> {
  await using trial = await start({ replayPath })
  const details = await fc.check(trial.property, {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: milliseconds,
    ...(path !== undefined && { path, endOnFailure: true }),
  })
  if (!details.failed || details.counterexample === null) return { runs: details.numRuns }
  const counterexample = fc.stringify(details.counterexample)
  // Which of the commands were run is not in the path, but in the text of the counterexample.
  const [, replay] = /replayPath="([^"]*)"/.exec(counterexample) ?? []
  const { errorInstance: error } = details
  return {
    runs: details.numRuns,
    failure: { counterexample, error: error instanceof Error ? (error.stack ?? error.message) : String(error), path: details.counterexamplePath ?? '', replayPath: replay },
  }
}
