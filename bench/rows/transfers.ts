import { alternate } from '../alternate.ts'
import type { Figures } from '../figures.ts'
import { transfer } from '../load/transfer.ts'
import type { TransferLoad } from '../load/transfer.ts'
import type { ServedContestant } from '../peers/contestant.ts'
import type { Row } from '../row.ts'
import { cpuTarget } from '../row.ts'
import { appIdAt, sessionAt } from '../stage.ts'
import { resetPeak, usageOf } from '../usage.ts'

const gib = 1024 ** 3
const kibPerMib = 1024

/** Half of the bodies that are in flight at once: whoever collects them needs more, garbage that waits for V8 less. */
const flatMib = 128

const warmUpSeconds = 4

/** Long bodies, on each stream one after the other. */
export const transferRows: readonly Row[] = (['upload', 'download'] as const).flatMap((direction) =>
  [1, 8].map((streams) => transferRow(direction, streams)),
)

function transferRow(direction: TransferLoad['direction'], streams: number): Row {
  return {
    name: `${direction}-${streams}`,
    work: `${direction}, ${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    targets: [cpuTarget('cpuPerGib', direction === 'upload' ? 1 : 1.2), { figure: 'rssGrowthMib', atMost: flatMib }],
    harp: '1.0–1.2 (2.3–3.0 CPU s per GiB)',
    isQuick: streams === 8,
    measure: async (bench) => {
      const rssBefore = new Map<ServedContestant, number>()
      return alternate(await bench.contestants(), bench, {
        warmUp: async (contestant) => {
          rssBefore.set(contestant, usageOf(contestant.pids()).rssKib)
          await measureTransfer(contestant, { direction, streams, seconds: Math.min(warmUpSeconds, bench.seconds) }, 0)
        },
        measure: (contestant) => measureTransfer(contestant, { direction, streams, seconds: bench.seconds }, rssBefore.get(contestant) ?? 0),
      })
    },
  }
}

/** `rssKib` is what the contestant held before the first body of the row came. */
async function measureTransfer({ url, pids }: ServedContestant, load: Omit<TransferLoad, 'url' | 'headers'>, rssKib: number): Promise<Figures> {
  const before = usageOf(pids())
  resetPeak(pids())
  const moved = await transfer({ url: `${url}/exapps/${appIdAt(0)}/${load.direction}`, headers: { Cookie: `oc_sessionPassphrase=${sessionAt(0)}` }, ...load })
  const after = usageOf(pids())
  return {
    cpuPerGib: (after.cpuSeconds - before.cpuSeconds) / (moved.bytes / gib),
    mibPerSecond: moved.bytes / kibPerMib ** 2 / moved.seconds,
    rssBeforeMib: rssKib / kibPerMib,
    rssPeakMib: after.peakKib / kibPerMib,
    rssGrowthMib: (after.peakKib - rssKib) / kibPerMib,
  }
}
