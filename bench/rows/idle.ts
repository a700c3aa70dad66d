import { setTimeout as wait } from 'node:timers/promises'
import { alternate } from '../alternate.ts'
import type { Figures } from '../figures.ts'
import { openWebSockets } from '../load/web-sockets.ts'
import { startBareTunnel } from '../peers/bare-tunnel.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import { startDataPlane } from '../peers/data-plane.ts'
import { openLightTunnels } from '../peers/light-tunnels.ts'
import type { Bench, Row } from '../row.ts'
import { bareTunnel, dataPlane } from '../row.ts'
import { appIdAt, sessionAt } from '../stage.ts'
import { usageOf } from '../usage.ts'

const webSockets = 2000
const tunnels = 200

/** Opened and closed before anything is counted: what only the first ones cost is no part of the price of each. */
const trial = 20

/** Until what opening cost is over, and V8 has given back the memory of it. */
const settleMs = 5_000

/** At least: pings come every 30 s, but those of many tunnels are spread. */
const idleSeconds = 10

/** Above the hundredth of a second that the kernel counts in, and what a process does anyway. */
const unmeasurablePercent = 0.5

/** Opens so many idle connections of a kind; `count` says how many there are. */
type Open = (contestant: ServedContestant, wanted: number) => Promise<AsyncDisposable & { readonly count: number }>

/** What it costs that somebody is there and says nothing. Each round has a fresh server, as memory is given back late or never. */
export const idleRows: readonly Row[] = [
  {
    name: 'idle-websockets',
    work: `${webSockets.toLocaleString('en')} idle WebSockets through a tunnel`,
    targets: [{ figure: 'kibEach', atMost: 40 }, { figure: 'idleCpuPercent', atMost: unmeasurablePercent }, { figure: 'opened', atLeast: webSockets }],
    harp: '62 KiB',
    measure: (bench) => {
      const target = ({ url }: ServedContestant) => ({ url: `${url}/exapps/${appIdAt(0)}/ws`, headers: { Cookie: `oc_sessionPassphrase=${sessionAt(0)}` } })
      return measureIdle(bench, webSockets, (contestant, wanted) => openWebSockets(target(contestant), wanted))
    },
  },
  {
    name: 'idle-tunnels',
    work: `${tunnels} idle tunnels`,
    targets: [{ figure: 'kibEach', atMost: 150 }, { figure: 'idleCpuPercent', atMost: unmeasurablePercent }],
    harp: '–',
    measure: (bench) =>
      measureIdle(bench, tunnels, async ({ frpPort = 0 }, wanted) => {
        const opened = await openLightTunnels(bench.stage, frpPort, { first: 1, end: 1 + wanted })
        return { count: wanted, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
      }),
  },
]

/** Starts each contestant anew in each round, opens, waits, and looks what has become more. */
function measureIdle(bench: Bench, wanted: number, open: Open): ReturnType<Row['measure']> {
  const start = { [bareTunnel]: startBareTunnel, [dataPlane]: startDataPlane }
  const seconds = Math.max(idleSeconds, bench.seconds)
  return alternate(([bareTunnel, dataPlane] as const).map((name) => ({ name })), bench, {
    warmUp: async () => {},
    measure: async ({ name }): Promise<Figures> => {
      await using contestant = await start[name](bench.stage, { tunnels: 1 })
      await (await open(contestant, trial))[Symbol.asyncDispose]()
      await wait(settleMs)
      const before = usageOf(contestant.pids())
      await using opened = await open(contestant, wanted)
      await wait(settleMs)
      const after = usageOf(contestant.pids())
      await wait(seconds * 1000)
      const later = usageOf(contestant.pids())
      return {
        kibEach: (after.rssKib - before.rssKib) / opened.count,
        opened: opened.count,
        idleCpuPercent: ((later.cpuSeconds - after.cpuSeconds) / seconds) * 100,
      }
    },
  })
}
