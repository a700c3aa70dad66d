import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { FarNetwork, networks } from '../support/network.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, type Service } from './stage.ts'
import { expectAbortsSeen, outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, settling, usageOf } from './usage.ts'

/** A cut that passes: TCP tries again after up to twice as long. */
const momentMs = 2_000

/** Longer than that, so that nobody gives up before TCP does. */
const limitMs = 8_000

/** From a dead link to the end of its tunnel's session: a ping every 30 s, answered within 10 s (frp's own numbers). */
const sessionEndsMs = 45_000

/** Two seconds' worth of others' bytes lie ahead of it, twice; frpc would give the whole tunnel up after 10 s without an answer. */
const pageOnSlowLinkMs = 10_000

const limit = `${limitMs}ms`
const everywhere = { HP_FRP_ADDRESS: '0.0.0.0:0', HP_TIMEOUT_SERVER: limit, HP_TIMEOUT_CLIENT: limit, HP_TIMEOUT_TUNNEL: limit }

for (const version of frpVersions) {
  const peers = { name: `${networks.name} and frpc ${version}`, ensure: async () => (await ensureFrp(version), networks.ensure()) }
  describeWithPeer('between frpc and the data plane', peers, ({ current, prepare, finish }) => {
    let stage: FaultStage
    let network: FarNetwork
    let exApp: Service
    let calm: Usage

    prepare(async () => {
      stage = await FaultStage.set(everywhere)
      await stage.addExApp({ name: 'other', version })
      calm = await usageOf(stage.plane)
    })
    finish(() => stage[Symbol.asyncDispose]())
    beforeEach(async () => {
      network = await FarNetwork.open(current())
      exApp = await stage.addExApp({ name: `exapp${++exApps}`, version, network })
    })
    afterEach(async () => {
      await network.lose(0) // so that the end of frpc is seen
      exApp.frpc.kill('SIGKILL')
      await exApp.frpc.exited
      await vi.waitUntil(async () => Object.keys(await leftBehind(stage.plane, calm)).length === 0, settling)
      await network[Symbol.asyncDispose]()
    })
    let exApps = 0

    const withBystander = (fault: () => Promise<void>) => undisturbed(stage.url('other'), fault)
    const ask = async (): Promise<string> => {
      const response = await fetch(stage.url(exApp.name), { headers: { connection: 'close' } })
      return `${response.status} ${await response.text()}`
    }

    it('a link that swallows everything for a moment costs no byte', () =>
      withBystander(async () => {
        const transfers = await startTransfers(stage, exApp)
        await network.lose(1)
        await delay(momentMs)
        await network.lose(0)
        expect(await outcomesOf(transfers)).toEqual(whole)
      }), 60_000)

    it('a link that is down for a moment costs no byte', () =>
      withBystander(async () => {
        const transfers = await startTransfers(stage, exApp)
        await network.plug('out')
        await delay(momentMs)
        await network.plug('in')
        expect(await outcomesOf(transfers)).toEqual(whole)
      }), 60_000)

    it('a link that loses two packets in a hundred costs no byte', () =>
      withBystander(async () => {
        await network.lose(0.02)
        expect(await outcomesOf(await startTransfers(stage, exApp))).toEqual(whole)
      }), 90_000)

    it('a link that swallows everything for good ends transfers at their limit, then the session, and frpc comes back when it is mended', () =>
      withBystander(async () => {
        const transfers = await startTransfers(stage, exApp)
        await network.lose(1)
        const cutAt = performance.now()
        expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 504', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
        expect(performance.now() - cutAt).toBeLessThan(limitMs + 5_000)
        await expect.poll(() => usageOf(stage.plane), { timeout: sessionEndsMs, interval: 500 }).toMatchObject({ tunnels: 1, tunnelSessions: 1 })
        await network.lose(0)
        await expectAbortsSeen(transfers, exApp, 10_000)
        await expect.poll(ask, { timeout: 40_000, interval: 500 }).toBe('200 ok')
      }), 120_000)

    it('a container that is recreated elsewhere because its link is dead serves within five seconds', () =>
      withBystander(async () => {
        const transfers = await startTransfers(stage, exApp)
        await network.lose(1)
        const startedAt = performance.now()
        const elsewhere = await stage.startFrpc({ ...exApp, network: undefined })
        await elsewhere.waitForOutput(/start proxy success/)
        expect(await ask()).toBe('200 ok')
        expect(performance.now() - startedAt).toBeLessThan(5_000)
        expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 502', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
        elsewhere.kill('SIGKILL')
        await elsewhere.exited
      }), 60_000)

    it('a link of 256 kbit/s slows down whoever uses it and nobody else, and a page waits for no upload', () =>
      withBystander(async () => {
        await network.throttle(256_000)
        const slow = await startTransfers(stage, exApp, { kinds: ['upload'] })
        const startedAt = performance.now()
        expect(await outcomesOf(await startTransfers(stage, { name: 'other' }, { kinds: ['download', 'upload'] }))).toEqual({ download: whole.download, upload: whole.upload })
        expect(performance.now() - startedAt).toBeLessThan(20_000) // 32 MiB each, for which the slow link would take half an hour
        const askedAt = performance.now()
        expect(await ask()).toBe('200 ok')
        expect(performance.now() - askedAt).toBeLessThan(pageOnSlowLinkMs)
        for (const { client } of slow) client.kill('SIGKILL')
        await Promise.all(slow.map(({ client }) => client.exited))
      }), 90_000)
  })
}
