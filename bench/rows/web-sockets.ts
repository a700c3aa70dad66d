import { alternate } from '../alternate.ts'
import type { Figures } from '../figures.ts'
import { echo } from '../load/web-sockets.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import type { Row } from '../row.ts'
import { cpuTarget } from '../row.ts'
import { appIdAt, sessionAt } from '../stage.ts'
import { usageOf } from '../usage.ts'

const connections = 32

/** Messages of 128 bytes there and back, one at a time on each connection. */
export const webSocketRows: readonly Row[] = [
  {
    name: 'websockets',
    work: `WebSocket echo, ${connections} connections`,
    targets: [cpuTarget('cpuPer10000', 0.9)],
    harp: '0.85 (0.76 CPU s per 10,000)',
    isQuick: true,
    measure: async (bench) => {
      return alternate(await bench.contestants(), bench, {
        warmUp: async (contestant) => void (await measureEcho(contestant, bench.warmUpSeconds)),
        measure: (contestant) => measureEcho(contestant, bench.seconds),
      })
    },
  },
]

async function measureEcho({ url, pids }: ServedContestant, seconds: number): Promise<Figures> {
  const before = usageOf(pids())
  const run = await echo({ url: `${url}/exapps/${appIdAt(0)}/ws`, headers: { Cookie: `oc_sessionPassphrase=${sessionAt(0)}` } }, { connections, seconds })
  const after = usageOf(pids())
  return {
    cpuPer10000: ((after.cpuSeconds - before.cpuSeconds) / run.messages) * 10_000,
    perSecond: run.messages / run.seconds,
    p50Ms: run.p50Ms,
    p99Ms: run.p99Ms,
  }
}
