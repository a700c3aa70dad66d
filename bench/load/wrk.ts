import { fileURLToPath } from 'node:url'
import { run } from '../../test/support/peers/run.ts'
import type { Stage } from '../stage.ts'

/** What wrk is to ask for, over and over. */
export interface WrkLoad {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  /** The sessions that requests show in turn; undefined: only what `headers` say. */
  readonly sessions?: { readonly first: number; readonly count: number }
}

/** What came of it. */
export interface WrkRun {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** wrk starts, stops and prints in well under this. */
const slackMs = 30_000

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Runs wrk with one thread. @throws Error when a request failed or was answered with an error: nothing of that run can be compared */
export async function runWrk({ programs }: Stage, { url, connections, seconds, headers = {}, sessions }: WrkLoad): Promise<WrkRun> {
  const args = [
    '--threads=1',
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    '--timeout=30s',
    `--script=${script(sessions ? 'sessions.lua' : 'report.lua')}`,
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    url,
    ...(sessions ? [String(sessions.first), String(sessions.count)] : []),
  ]
  const printed = await run({ program: programs.wrk, args }, seconds * 1000 + slackMs)
  const line = printed.split('\n').findLast((text) => text.startsWith('{'))
  if (!line) throw new Error(`wrk printed no result:\n${printed}`)
  const result = JSON.parse(line) as WrkRun & { readonly refused: number; readonly failed: number }
  if (result.refused > 0 || result.failed > 0) throw new Error(`${url}: ${result.refused} requests were refused and ${result.failed} failed of ${result.requests}`)
  return result
}
