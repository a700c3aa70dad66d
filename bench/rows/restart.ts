import { setTimeout as wait } from 'node:timers/promises'
import { alternate } from '../alternate.ts'
import { startBareTunnel } from '../peers/bare-tunnel.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import { startDataPlane } from '../peers/data-plane.ts'
import type { Row } from '../row.ts'
import { appIdAt } from '../stage.ts'

const tunnels = 50

/** Fine enough for a time of seconds, and few enough requests not to take part in it. */
const pollMs = 25

/** frpc's longest pause between two attempts is 20 s. */
const serveTimeoutMs = 60_000

/** From the kill of all server processes until each tunnel has answered a request. */
export const restartRows: readonly Row[] = [
  {
    name: 'restart',
    work: `restart with ${tunnels} tunnels: from the kill until all serve`,
    targets: [{ figure: 'secondsToServe', atMost: 1.5 }],
    harp: '2.7–7.2 s',
    measure: async (bench) => {
      await using tunnel = await startBareTunnel(bench.stage, { tunnels })
      await using plane = await startDataPlane(bench.stage, { tunnels })
      return await alternate([tunnel, plane], bench, {
        warmUp: async (contestant) => void (await untilAllServe(contestant)),
        measure: async (contestant) => {
          const killedAt = performance.now()
          const [, servedAt] = await Promise.all([contestant.restart(), untilAllServe(contestant)])
          return { secondsToServe: (servedAt - killedAt) / 1000 }
        },
      })
    },
  },
]

/** When the last ExApp answered. @throws Error when one does not */
async function untilAllServe({ name, url }: ServedContestant): Promise<number> {
  const deadline = performance.now() + serveTimeoutMs
  let waiting = Array.from({ length: tunnels }, (_, index) => `${url}/exapps/${appIdAt(index)}/public`)
  while (waiting.length > 0) {
    if (performance.now() > deadline) throw new Error(`${name}: ${waiting.length} of ${tunnels} tunnels do not serve ${serveTimeoutMs / 1000} s after a restart`)
    const isServed = await Promise.all(waiting.map(serves))
    waiting = waiting.filter((_, index) => !isServed[index])
    if (waiting.length > 0) await wait(pollMs)
  }
  return performance.now()
}

async function serves(url: string): Promise<boolean> {
  const response = await fetch(url, { headers: { Connection: 'close' } }).catch(() => undefined) // refused while nobody listens
  await response?.body?.cancel()
  return response?.ok ?? false
}
