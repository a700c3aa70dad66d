import type { Narrator } from '../narrator.ts'

/** One thing to try; it throws when it did not go as the title says. A returned text is told beside the result. */
export interface Step {
  readonly title: string
  readonly run: () => Promise<string | undefined>
}

/** How the steps are told, and what ends them early. */
export interface RunOptions {
  readonly narrator: Narrator
  readonly signal: AbortSignal
}

/** Takes the steps one after another and tells each one's result; true when none failed. */
export async function runSteps(steps: readonly Step[], { narrator, signal }: RunOptions): Promise<boolean> {
  let failed = 0
  for (const { title, run } of steps) {
    if (signal.aborted) {
      narrator.say('Interrupted.')
      return false
    }
    try {
      const note = await run()
      narrator.say(`ok      ${title}${note === undefined ? '' : ` (${note})`}`)
    } catch (error) {
      failed += 1
      narrator.say(`FAILED  ${title}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  narrator.say(failed === 0 ? `All ${steps.length} steps passed.` : `${failed} of ${steps.length} steps failed.`)
  return failed === 0
}
