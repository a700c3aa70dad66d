import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { type LongLine, startLongLine } from './long-line.ts'
import { FaultStage, type Service } from './stage.ts'
import { outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, settling, usageOf } from './usage.ts'

/** There and back: as far as the other side of the earth. */
const roundTripMs = 200

for (const version of frpVersions) {
  describeWithPeer('an ExApp 200 ms away', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: FaultStage
    let line: LongLine
    let exApp: Service
    let calm: Usage
    prepare(async () => {
      stage = await FaultStage.set()
      line = await startLongLine(stage.plane.ports.frp, roundTripMs / 2)
      exApp = await stage.addExApp({ name: 'exapp', version, frpPort: line.port })
      calm = await usageOf(stage.plane)
    })
    finish(async () => {
      await stage[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    })

    const visit = async (): Promise<string> => (await fetch(stage.url('exapp'), { headers: { connection: 'close' } })).text()

    it('is served whole, and as fast as the windows of one stream allow', async () => {
      const startedAt = performance.now()
      expect(await outcomesOf(await startTransfers(stage, exApp, { kinds: ['download', 'upload', 'events'] }))).toEqual({ download: whole.download, upload: whole.upload, events: whole.events })
      // A window is 1 MiB and comes back in halves: 32 MiB take 64 round trips at most, 13 s, and a busy machine some more.
      expect(performance.now() - startedAt).toBeLessThan(30_000)
    }, 60_000)

    it('answers on a kept stream within one round trip and a bit', async () => {
      const times: number[] = []
      for (let round = 0; round < 6; round++) {
        const startedAt = performance.now()
        expect(await visit()).toBe('ok')
        times.push(performance.now() - startedAt)
      }
      expect(Math.min(...times)).toBeGreaterThan(roundTripMs - 10)
      expect(Math.min(...times)).toBeLessThan(roundTripMs + 150)
    })

    it('keeps its tunnel when somebody else claims it: it is far away, not dead', async () => {
      const rival = await stage.startFrpc({ ...exApp, frpPort: stage.plane.ports.frp })
      await rival.waitForOutput(/already exists/)
      expect(await visit()).toBe('ok')
      rival.kill('SIGKILL')
      await rival.exited
      await expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({})
    }, 40_000)
  })
}
