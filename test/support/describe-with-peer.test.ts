import path from 'node:path'
import { expect, it } from 'vitest'
import { startProcess } from './peers/child-process.ts'

/** A whole run of vitest in a process of its own. */
const RUN_TIMEOUT_MS = 60_000

async function runFixture(env: Readonly<Record<string, string>>) {
  const root = path.join(import.meta.dirname, 'missing-peer-fixture')
  const vitest = path.resolve(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
  await using run = await startProcess({
    program: process.execPath,
    args: [vitest, 'run', '--root', root, '--reporter=verbose'],
    env,
  })
  const { code } = await run.exited
  return { code, output: run.output() }
}

it('skips by name what needs a missing peer, and ends the run by saying so', async () => {
  const { code, output } = await runFixture({})
  expect(code).toBe(0)
  expect(output).toMatch(/is not tried without one .*\[Unicorn is missing: catch one\]/)
  expect(output).toContain('1 skipped')
  expect(output.trimEnd()).toMatch(/NOT TESTED {2}what only a unicorn can do: Unicorn is missing: catch one$/)
}, RUN_TIMEOUT_MS)

it('fails in CI instead, where every peer has to be there', async () => {
  const { code, output } = await runFixture({ CI: 'true' })
  expect(code).toBe(1)
  expect(output).toContain('Unicorn is missing: catch one')
}, RUN_TIMEOUT_MS)
