import * as fc from 'fast-check'

/** What is told of a property that does not hold: the counterexample, the reason, and the command that shows it again. */
export function failureReport(name: string, { seed, counterexamplePath, counterexample, errorInstance }: fc.RunDetails<unknown>): string {
  const shown = fc.stringify(counterexample)
  // fast-check hides in a comment where a counterexample of commands is.
  const replay = /replayPath=\\?"([^"\\]+)/.exec(shown)?.[1]
  const command = `npm run fuzz -- --only ${name} --seed ${seed} --path ${counterexamplePath}${replay === undefined ? '' : ` --replay '${replay}'`}`
  const reason = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance)
  return [`${name} does not hold`, `counterexample: ${shown}`, `reason: ${reason}`, `again: ${command}`].join('\n')
}
