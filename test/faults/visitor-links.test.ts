import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { FarNetwork, networks } from '../support/network.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, type Service } from './stage.ts'
import { expectAbortsSeen, outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, memoryOf, settling, usageOf } from './usage.ts'

/** A cut that passes, and a limit that does not strike before TCP has tried again. */
const momentMs = 2_000
const limitMs = 8_000

/** Node looks at a socket that does not move a second time before it calls that a stall. */
const stallEndsMs = 2 * limitMs + 4_000

const version = '0.71.0'
const limit = `${limitMs}ms`
const everywhere = { HP_EXAPPS_ADDRESS: '0.0.0.0:0', HP_TIMEOUT_CLIENT: limit, HP_TIMEOUT_TUNNEL: limit }
const peers = { name: `${networks.name} and frpc ${version}`, ensure: async () => (await ensureFrp(version), networks.ensure()) }

describeWithPeer('between a visitor and the data plane', peers, ({ prepare, finish }) => {
  let stage: FaultStage
  let network: FarNetwork
  let exApp: Service
  let calm: Usage
  prepare(async (tools) => {
    stage = await FaultStage.set(everywhere)
    exApp = await stage.addExApp({ name: 'exapp', version })
    await stage.addExApp({ name: 'other', version })
    calm = await usageOf(stage.plane)
    network = await FarNetwork.open(tools)
  })
  finish(async () => {
    await stage[Symbol.asyncDispose]()
    await network[Symbol.asyncDispose]()
  })

  const withBystander = (fault: () => Promise<void>) => undisturbed(stage.url('other'), fault)

  it('a link that swallows everything for a moment costs no byte', () =>
    withBystander(async () => {
      const transfers = await startTransfers(stage, exApp, { network })
      await network.lose(1)
      await delay(momentMs)
      await network.lose(0)
      expect(await outcomesOf(transfers)).toEqual(whole)
    }), 60_000)

  it('a link that loses two packets in a hundred costs no byte', () =>
    withBystander(async () => {
      await network.lose(0.02)
      const transfers = await startTransfers(stage, exApp, { network })
      expect(await outcomesOf(transfers)).toEqual(whole)
      await network.lose(0)
    }), 90_000)

  it('a link that is pulled out for good ends transfers for the ExApp at their limit, and the visitor learns it when the link is back', () =>
    withBystander(async () => {
      const transfers = await startTransfers(stage, exApp, { kinds: ['download', 'upload', 'websocket'], network })
      await network.plug('out')
      await expectAbortsSeen(transfers, exApp, stallEndsMs)
      await network.plug('in')
      expect(await outcomesOf(transfers)).toMatchObject({ download: 'broken ECONNRESET', websocket: 'broken closed with 1006', upload: expect.stringMatching(/^broken (408|ECONNRESET)$/) })
    }), 60_000)

  it('a slow link holds back the ExApp behind the same tunnel for nobody else, and what is sent to it is not gathered', () =>
    withBystander(async () => {
      await network.throttle(256_000)
      const before = (await memoryOf(stage.plane)).now
      const slow = await Promise.all(
        Array.from({ length: 10 }, (_, visitor) => stage.runProgram('client-program.ts', ['download', stage.url('exapp', `download/slow${visitor}`, network.nearAddress)], network)),
      )
      await Promise.all(slow.map((_, visitor) => exApp.program.waitForOutput(new RegExp(`download slow${visitor} began`))))
      // 320 MiB for ten visitors who take a few kilobytes each; the others take theirs from the same ExApp through the same tunnel.
      expect(await outcomesOf(await startTransfers(stage, exApp))).toEqual(whole)
      expect((await memoryOf(stage.plane)).now - before).toBeLessThan(128 * 1024 ** 2)
      for (const client of slow) client.kill('SIGKILL')
    }), 90_000)

  it('leaves nothing behind', () => expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({}), 20_000)
})
