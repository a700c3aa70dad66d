import * as fc from 'fast-check'
import { pureProperty } from '../fuzz-property.ts'
import { steps } from './commands.ts'
import { TunnelServerUnderTest } from './tunnel-server-under-test.ts'

/** Tunnel clients against a model of them. */
export const sessions = pureProperty('sessions', 'logins, claims, takeovers and requests of tunnel clients come out as the contract says, no request meets another owner, and nothing is left behind', ({ replayPath }) =>
  fc.asyncProperty(
    fc.commands([steps], { maxCommands: 60, size: 'max', ...(replayPath === undefined ? {} : { replayPath }) }),
    fc.constantFrom(0, 50),
    async (commands, graceMs) => {
      await using server = await TunnelServerUnderTest.start()
      await fc.asyncModelRun(() => ({ model: { server }, real: server }), commands)
      await server.drain(graceMs)
    },
  ),
)
