import * as fc from 'fast-check'
import { pureProperty } from '../fuzz-property.ts'
import { endings, steps } from './commands.ts'
import { SessionUnderTest } from './session-under-test.ts'

/** For all sessions; the second is so little that streams are given up for it. */
const memoryBytes = [64 * 1024 ** 2, 2 * 1024 ** 2] as const

/** The multiplexer against a model of it. */
export const mux = pureProperty('mux', 'the multiplexer delivers every byte once and in order, keeps to all windows, ends what breaks its rules, and leaves nothing behind', ({ replayPath }) =>
  fc.asyncProperty(
    fc.constantFrom(...memoryBytes),
    fc.commands([steps], { maxCommands: 40, size: 'max', ...(replayPath === undefined ? {} : { replayPath }) }),
    endings,
    async (memory, commands, lastSteps) => {
      using session = new SessionUnderTest(memory)
      const model = { session }
      await fc.asyncModelRun(() => ({ model, real: session }), commands)
      await session.setPeerReading(true)
      for (const last of lastSteps) if (last.check(model)) await last.run(model, session)
      await session.end()
    },
  ),
)
