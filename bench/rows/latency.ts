import { alternate } from '../alternate.ts'
import type { Figures } from '../figures.ts'
import { requestHead } from '../load/http-connection.ts'
import { runOpenLoop } from '../load/open-loop.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import type { Bench, Row } from '../row.ts'
import { bareTunnel, dataPlane } from '../row.ts'
import type { Stage } from '../stage.ts'
import { appIdAt, sessionAt } from '../stage.ts'
import { usageOf } from '../usage.ts'
import { warmUp } from './requests.ts'

const perSecond = 200

/** Sessions are believed for 3 s: this many expiries are within one run, whatever `--seconds` says. */
const expiries = 5
const sessionLifetimeSeconds = 3

const headers = { Cookie: `oc_sessionPassphrase=${sessionAt(0)}` }

/** A quiet server: what one visitor feels, also when what is known about them expires. */
export const latencyRows: readonly Row[] = [
  {
    name: 'latency',
    work: `${perSecond} requests/s (open loop), one session that expires every ${sessionLifetimeSeconds} s`,
    targets: [
      { figure: 'p99Ms', atMost: 1.5, to: bareTunnel },
      { figure: 'callsPerExpiry', atMost: 1.3 }, // Where a run begins and ends makes one more, or less.
    ],
    harp: 'p99 6 (18.5 ms)',
    measure: async (bench) =>
      alternate(await bench.contestants(), bench, {
        warmUp: (contestant) => warmUp(bench, contestant, () => ({ path: 'page', headers })),
        measure: (contestant) => measureLatency(bench, contestant),
      }),
  },
]

async function measureLatency({ stage, seconds }: Bench, { name, url, pids }: ServedContestant): Promise<Figures> {
  const target = `${url}/exapps/${appIdAt(0)}/page`
  const duration = Math.max(seconds, expiries * sessionLifetimeSeconds)
  const before = { ...usageOf(pids()), calls: calls(stage) }
  const run = await runOpenLoop({ url, head: requestHead('GET', target, headers), perSecond, seconds: duration })
  const after = { ...usageOf(pids()), calls: calls(stage) }
  return {
    p50Ms: run.p50Ms,
    p99Ms: run.p99Ms,
    cpuPer10000: ((after.cpuSeconds - before.cpuSeconds) / run.requests) * 10_000,
    ...(name === dataPlane && { callsPerExpiry: (after.calls - before.calls) / (duration / sessionLifetimeSeconds) }),
  }
}

const calls = ({ nextcloud }: Stage): number => nextcloud.count('user-info')
