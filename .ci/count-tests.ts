import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** What vitest's JSON report says of a run, as far as it is counted here. */
const reportSchema = z.object({
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
})

const [file = '', exitCode = ''] = process.argv.slice(2)
const { testResults } = reportSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
const tests = testResults.flatMap((result) => result.assertionResults)
const count = (...statuses: string[]) => tests.filter(({ status }) => statuses.includes(status)).length

const passed = count('passed')
const skipped = count('skipped', 'pending', 'todo', 'disabled')
// Whatever vitest calls neither passed nor skipped has failed; so has a file that broke without a test to show for it.
const brokenFiles = testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'))
let failed = tests.length - passed - skipped + brokenFiles.length
// Errors outside any test, such as an unhandled rejection, show only in the exit code.
if (exitCode !== '0' && failed === 0) failed = 1

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
