// npm run bench: the data plane against what an admin could wire up by hand; prints a table, keeps the raw runs in a file.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { startContestants } from './contestants.ts'
import { describeMachine, leaveServerCore } from './machine.ts'
import { readOptions } from './options.ts'
import type { ServedContestant } from './peers/contestant.ts'
import type { Bench, Row } from './row.ts'
import { allRows } from './rows/all-rows.ts'
import { setStage } from './stage.ts'
import { table } from './table.ts'
import type { RowResult } from './table.ts'

const options = readOptions(process.argv.slice(2), allRows.map(({ name }) => name))
if (typeof options === 'string') {
  console.error(options)
  process.exit(2)
}
const { rounds, seconds, quick, exAppMicroseconds } = options
const say = (line: string): void => console.error(line)
const startedAt = new Date()

leaveServerCore()
const stage = await setStage(options)
// Processes that a row started itself end with this one.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stage.parts.disposeAsync().finally(() => process.exit(1)))
const results: RowResult[] = []
try {
  let contestants: Promise<readonly ServedContestant[]> | undefined
  const warmUpSeconds = quick ? 3 : 10 // V8 has compiled most of what is hot after the one, all of it after the other
  const bench: Bench = { stage, rounds, seconds, warmUpSeconds, say, contestants: () => (contestants ??= startContestants(stage, { quick })) }
  for (const row of allRows.filter(isWanted)) {
    say(`${row.name}: ${row.work}`)
    results.push(await measure(row, bench))
  }
} finally {
  await stage.parts.disposeAsync()
}
await keepRawRuns()
console.log(`${table(results)}\n\n${footer()}`)

function isWanted({ name, isQuick }: Row): boolean {
  if (typeof options === 'string') return false
  return options.rows ? options.rows.includes(name) : !quick || isQuick === true
}

/** A row that fails is reported as such; the others are worth having nevertheless. */
async function measure(row: Row, bench: Bench): Promise<RowResult> {
  try {
    return { row, measured: await row.measure(bench) }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error)
    say(`  failed: ${failure}`)
    process.exitCode = 1
    return { row, measured: [], failure: failure.split('\n', 1)[0] ?? '' }
  }
}

async function keepRawRuns(): Promise<void> {
  if (typeof options === 'string') return
  const stamp = startedAt.toISOString().slice(0, 16).replace(/[T:]/g, '-')
  const file = options.json ?? path.join(import.meta.dirname, 'results', `${stamp}.json`)
  await mkdir(path.dirname(file), { recursive: true })
  const rows = results.map(({ row: { name, work }, measured, failure }) => ({ name, work, measured, failure }))
  await writeFile(file, `${JSON.stringify({ startedAt, machine: describeMachine(), rounds, seconds, exAppMicroseconds, rows }, undefined, 2)}\n`)
  say(`raw runs: ${file}`)
}

function footer(): string {
  const day = startedAt.toISOString().slice(0, 10)
  return `${day}, medians of ${rounds} rounds of ${seconds} s each. ${describeMachine()}. ${stage.peers}. The ExApp computes ${exAppMicroseconds} µs for each page. Ratios are to the bare tunnel.`
}
