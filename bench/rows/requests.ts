import { sharedKey } from '../../test/support/data-plane.ts'
import { alternate } from '../alternate.ts'
import type { Figures } from '../figures.ts'
import type { WrkLoad, WrkRun } from '../load/wrk.ts'
import { runWrk } from '../load/wrk.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import type { Bench, Row } from '../row.ts'
import { bareTunnel, cpuTarget } from '../row.ts'
import type { Stage } from '../stage.ts'
import { appIdAt, portAt, sessionAt, sessionCount } from '../stage.ts'
import { usageOf } from '../usage.ts'

const connections = 64

/** By then V8 has compiled what is hot; a slow contestant may stop after `warmUpSeconds`. */
const warmUpRequests = 20_000
const warmUpStepSeconds = 2

type Request = Pick<WrkLoad, 'headers' | 'sessions'> & { readonly path: string }

/** Headers that all clients send; what a browser sends besides costs all contestants the same. */
const asUser = { Cookie: `oc_sessionPassphrase=${sessionAt(0)}` }

const asAppApi = {
  'ex-app-version': '1.0.0',
  'ex-app-id': appIdAt(0),
  'ex-app-host': '127.0.0.1',
  'ex-app-port': String(portAt(0)),
  'authorization-app-api': Buffer.from('admin:token-of-app').toString('base64'),
  'harp-shared-key': sharedKey,
}

/** GETs of 1 KiB, as many as the core of the servers or the other one can do. */
export const requestRows: readonly Row[] = [
  {
    name: 'cached',
    work: `GET 1 KiB, session cached, ${connections} keep-alive connections`,
    targets: [cpuTarget('cpuPer10000', 1), { figure: 'p99Ms', atMost: 1.2, to: bareTunnel }],
    harp: '3.6 (4.1 CPU s per 10,000), p99 3.7',
    isQuick: true,
    measure: (bench) => compare(bench, () => ({ path: 'page', headers: asUser })),
  },
  {
    name: 'public',
    work: 'the same on a public route',
    targets: [cpuTarget('cpuPer10000', 1)],
    harp: '3.3',
    measure: (bench) => compare(bench, () => ({ path: 'public' })),
  },
  {
    name: 'signed',
    work: 'the same signed by AppAPI',
    targets: [cpuTarget('cpuPer10000', 1)],
    harp: '3.6',
    measure: (bench) => compare(bench, () => ({ path: 'page', headers: asAppApi })),
  },
  {
    name: 'unseen',
    work: 'every request with a session never seen before (Nextcloud answers in 20 ms)',
    targets: [cpuTarget('cpuPer10000', 2.5)],
    harp: '8.9 (10.2 CPU s)',
    isQuick: true,
    measure: (bench) => {
      let first = 0
      return compare(bench, () => {
        const sessions = { first, count: newSessionsPerRun }
        first = (first + newSessionsPerRun) % sessionCount
        return { path: 'page', sessions }
      })
    },
  },
  {
    name: 'connections',
    work: 'a new client connection per request',
    targets: [cpuTarget('cpuPer10000', 0.6)],
    harp: '1.6 (6.7 CPU s)',
    isQuick: true,
    measure: (bench) => compare(bench, () => ({ path: 'page', headers: { ...asUser, Connection: 'close' } })),
  },
]

/** More than any contestant answers in ten seconds, so that no session comes twice in a run. */
const newSessionsPerRun = 100_000

/** Measures all contestants with a request; `nextRequest` is asked before each run. */
async function compare(bench: Bench, nextRequest: () => Request): Promise<Awaited<ReturnType<Row['measure']>>> {
  return alternate(await bench.contestants(), bench, {
    warmUp: (contestant) => warmUp(bench, contestant, nextRequest),
    measure: (contestant) => measureRequests(bench, contestant, nextRequest()),
  })
}

/** Asks until the contestant is warm. */
export async function warmUp({ stage, warmUpSeconds }: Bench, contestant: ServedContestant, nextRequest: () => Request): Promise<void> {
  const started = performance.now()
  let requests = 0
  while (requests < warmUpRequests && performance.now() - started < warmUpSeconds * 1000) {
    requests += (await ask(stage, contestant, nextRequest(), warmUpStepSeconds)).requests
  }
}

/** One run against one contestant. */
export async function measureRequests({ stage, seconds }: Bench, contestant: ServedContestant, request: Request): Promise<Figures> {
  const before = usageOf(contestant.pids())
  const run = await ask(stage, contestant, request, seconds)
  const after = usageOf(contestant.pids())
  return {
    cpuPer10000: ((after.cpuSeconds - before.cpuSeconds) / run.requests) * 10_000,
    perSecond: run.requests / run.seconds,
    p50Ms: run.p50Ms,
    p99Ms: run.p99Ms,
  }
}

function ask(stage: Stage, { url }: ServedContestant, { path, ...load }: Request, seconds: number): Promise<WrkRun> {
  return runWrk(stage, { url: `${url}/exapps/${appIdAt(0)}/${path}`, connections, seconds, ...load })
}
