import { alternate } from '../alternate.ts'
import type { Contestant } from '../alternate.ts'
import { runWrk } from '../load/wrk.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import { startDataPlane } from '../peers/data-plane.ts'
import { openLightTunnels } from '../peers/light-tunnels.ts'
import type { Bench, Row, Target } from '../row.ts'
import { appIdAt } from '../stage.ts'
import { measureRequests, warmUp } from './requests.ts'

/** The first of each is what the others are compared with. */
const tunnelCounts = [1, 100, 1000] as const
const sessionCounts = [1, 1000, 100_000] as const

/** Flat, with what two runs of the same may differ. */
const flat = 1.1

/** The longest that can be set, so that look-ups stay rare. What has expired stays in the table until newer sessions push it out. */
const sessionLifetimeSeconds = 10

/** Sessions that requests show in turn while others are only remembered: few enough to be asked about seldom. */
const visitors = 64

const fillConnections = 64
const fillStepSeconds = 5

const named = (count: number, what: string): string => `${count.toLocaleString('en')} ${count === 1 ? what : `${what}s`}`

/** Data planes of different sizes beside each other, with the same requests through one tunnel. */
export const growthRows: readonly Row[] = [
  {
    name: 'tunnels',
    work: 'cost per request with 1, 100, 1,000 tunnels, of which one is asked',
    targets: flatTargets(tunnelCounts, 'tunnel'),
    harp: '–',
    measure: (bench) =>
      compareSizes(bench, tunnelCounts, () => 1, async (count, parts) => {
        const plane = parts.use(await startDataPlane(bench.stage, { name: named(count, 'tunnel'), tunnels: 1, sessionLifetimeSeconds }))
        parts.use(await openLightTunnels(bench.stage, plane.frpPort ?? 0, { first: 1, end: count }))
        return plane
      }),
  },
  {
    name: 'sessions',
    work: `cost per request with 1 to 100,000 sessions remembered, of which up to ${visitors} ask`,
    targets: flatTargets(sessionCounts, 'session'),
    harp: '–',
    measure: (bench) =>
      compareSizes(bench, sessionCounts, (count) => Math.min(count, visitors), async (count, parts) => {
        const plane = parts.use(await startDataPlane(bench.stage, { name: named(count, 'session'), tunnels: 1, sessionLifetimeSeconds }))
        await remember(bench, plane, count)
        return plane
      }),
  },
]

function flatTargets([first, ...others]: readonly [number, ...number[]], what: string): readonly Target[] {
  return others.map((count) => ({ figure: 'cpuPer10000', of: named(count, what), to: named(first, what), atMost: flat }))
}

/** Starts a data plane of each size, then measures them in turn; `visitorsAt` says how many sessions requests show. */
async function compareSizes(
  bench: Bench,
  counts: readonly number[],
  visitorsAt: (count: number) => number,
  start: (count: number, parts: AsyncDisposableStack) => Promise<ServedContestant>,
): ReturnType<Row['measure']> {
  await using parts = new AsyncDisposableStack()
  const sizes: (Contestant & { readonly plane: ServedContestant; readonly sessions: { readonly first: 0; readonly count: number } })[] = []
  for (const count of counts) {
    const plane = await start(count, parts)
    sizes.push({ name: plane.name, plane, sessions: { first: 0, count: visitorsAt(count) } })
  }
  return await alternate(sizes, bench, {
    warmUp: ({ plane, sessions }) => warmUp(bench, plane, () => ({ path: 'page', sessions })),
    measure: ({ plane, sessions }) => measureRequests(bench, plane, { path: 'page', sessions }),
  })
}

/** Has that many sessions looked up. */
async function remember({ stage, say }: Bench, plane: ServedContestant, count: number): Promise<void> {
  let asked = 0
  while (asked < count) {
    const sessions = { first: asked, count: count - asked }
    const run = await runWrk(stage, { url: `${plane.url}/exapps/${appIdAt(0)}/page`, connections: fillConnections, seconds: fillStepSeconds, sessions })
    asked += run.requests
    say(`  ${plane.name}: ${Math.min(asked, count).toLocaleString('en')} looked up`)
  }
}
