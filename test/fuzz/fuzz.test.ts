import { execFile } from 'node:child_process'
import path from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { properties } from './properties.ts'
import { failureReport } from './report.ts'

/** Always the same input, so that a failure is the change's; `npm run fuzz` looks for what others find. */
const SEED = 1

/** Enough that a plain mistake is met. */
const RUNS = 200
const MILLISECONDS = 6_000

describe('whatever a peer does', () => {
  // Some of it takes real sockets and time, and a machine that is late is no defect.
  it.each(properties)('$claim', { timeout: 60_000, retry: 2 }, async (property) => {
    const { name } = property
    await using trial = await property.start({})
    const details = await fc.check<unknown>(trial.property as fc.IAsyncProperty<unknown>, { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: MILLISECONDS })
    expect(details.failed && failureReport(name, details)).toBe(false)
    expect(details.numRuns).toBeGreaterThan(0)
  })
})

interface Run {
  readonly code: number
  readonly output: string
}

/** Runs the fuzzer as `npm run fuzz` does, if need be with a defect in the program. */
function fuzz(args: readonly string[], defect?: { readonly file: string; readonly text: string; readonly instead: string }): Promise<Run> {
  const planted = defect ? ['--import', path.join(import.meta.dirname, 'plant-defect.ts')] : []
  // Outside Vitest, as far as it can tell.
  const env = { ...process.env, VITEST: undefined, PLANTED_DEFECT: JSON.stringify(defect ?? {}) }
  return new Promise((resolve) => {
    execFile(process.execPath, [...planted, path.join(import.meta.dirname, 'main.ts'), ...args], { env, timeout: 100_000 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: stdout + stderr })
    })
  })
}

describe('npm run fuzz', () => {
  it.each([
    ['snappy', { file: 'proxy/tunnel/payload/snappy-stream.ts', text: 'if (checksum(plain) !== body.readUInt32LE(0))', instead: 'if (plain.length > 1e9)' }],
    ['mux', { file: 'proxy/tunnel/mux/frame.ts', text: 'INITIAL_WINDOW_BYTES = 262_144', instead: 'INITIAL_WINDOW_BYTES = 262_145' }],
  ])('finds a defect that was planted into what %s is about, and shows it again from what it printed', async (name, defect) => {
    const found = await fuzz(['--seed', '7', '--only', name, '--minutes', '1'], defect)
    expect(found.output.split('\n')[0]).toBe('seed 7')
    expect(found).toMatchObject({ code: 1, output: expect.stringContaining(`${name} does not hold`) })
    const [, again = ''] = /^again: npm run fuzz -- (.*)$/m.exec(found.output) ?? []
    expect(again).toContain(`--only ${name} --seed 7 --path `)
    const args = [...again.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
    expect(await fuzz(args, defect)).toMatchObject({ code: 1, output: expect.stringContaining(`${name}: does not hold in 1 runs of seed 7`) })
    expect((await fuzz([...args, '--minutes', '0.05'])).output).not.toContain('does not hold') // it was the defect
  }, 240_000)

  it('says what it accepts', async () => {
    expect(await fuzz(['--only', 'nothing'])).toMatchObject({ code: 2, output: expect.stringMatching(/^there is nothing of the name nothing\nnpm run fuzz -- .*\nnames: mux, /) })
    expect(await fuzz(['--minutes', '0'])).toMatchObject({ code: 2 })
  })
})
