// npm run demo: the real data plane between a stand-in Nextcloud and a real ExApp, to be tried in a browser.
// npm run demo -- --check: the same, walked by a client; exits with 0 or 1.
import { once } from 'node:events'
import { runSteps } from './check/run-steps.ts'
import { stepsFor } from './check/steps.ts'
import { readOptions } from './options.ts'
import { describeDemo } from './describe-demo.ts'
import { createNarrator } from './narrator.ts'
import { startDemo } from './start-demo.ts'

const options = readOptions(process.argv.slice(2))
if (typeof options === 'string') {
  console.error(options)
  process.exit(2)
}

const narrator = createNarrator(console.log)
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())

try {
  const demo = await startDemo({ port: options.port, narrator })
  try {
    if (options.check) {
      const passed = await runSteps(stepsFor(demo), { narrator, signal: stopped.signal })
      process.exitCode = passed ? 0 : 1
    } else {
      for (const line of describeDemo(demo)) narrator.say(line)
      if (!stopped.signal.aborted) await Promise.race([once(stopped.signal, 'abort'), demo.failed])
      if (!stopped.signal.aborted) process.exitCode = 1
      narrator.say('Stopping …')
    }
  } finally {
    await demo.close()
  }
} catch (error) {
  // Ctrl-C reaches every process of the terminal: one that ends during the start is then no failure worth telling.
  if (!stopped.signal.aborted) narrator.say(`The demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
