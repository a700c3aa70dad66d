import * as fc from 'fast-check'

/** What is told of a property that does not hold: the counterexample, the reason, and the command that shows it again. */
export function failureReport(name: string, { seed, counterexamplePath, counterexample, errorInstance }: fc.RunDetails<unknown>): string {
  const shown = fc.stringify(counterexample)
  // fast-check hides in a comment where a counterexample of commands is.
  const replay = /replayPath=\\?"([^"\\]+)/.exec(shown)?.[1]
  const command = `npm run fuzz -- --only ${name} --seed ${seed} --path ${counterexamplePath}${replay === undefined ? '' : ` --replay '${replay}'`}`
  return [`${name} does not hold`, `counterexample: ${shown}`, `reason: ${reasonOf(errorInstance)}`, `again: ${command}`].join('\n')
}

/** The same of something that was seen only behind all runs of a seed, such as what they left behind: no single one of them shows it. */
export function brokenReport(name: string, seed: number, error: unknown): string {
  return [`${name} does not hold, over all runs of seed ${seed}`, `reason: ${reasonOf(error)}`, `again: npm run fuzz -- --only ${name} --seed ${seed}`].join('\n')
}

const reasonOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
