import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, type Service } from './stage.ts'
import { expectAbortsSeen, outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, memoryOf, settling, usageOf } from './usage.ts'

/** Every limit of the data plane that could end a transfer which stands still. */
const limitMs = 3_000

/** Node looks at a socket that does not move a second time before it calls that a stall. */
const stallEndsMs = 2 * limitMs + 4_000

/** A stop after which everything goes on: shorter than the limit, also on a machine that is late. */
const momentMs = 1_200

/** From a process that is gone to the other side's knowing. */
const noticedMs = 2_000

/** A recreated container serves within this time. */
const servesMs = 5_000

const limit = `${limitMs}ms`
const limits = { HP_TIMEOUT_SERVER: limit, HP_TIMEOUT_CLIENT: limit, HP_TIMEOUT_TUNNEL: limit, HP_TIMEOUT_CONNECT: '10s' }

for (const version of frpVersions) {
  describeWithPeer('in the middle of an upload, a download, events and a WebSocket', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: FaultStage
    let exApp: Service
    let calm: Usage
    let calmMemory: number

    prepare(async () => {
      stage = await FaultStage.set(limits)
      exApp = await stage.addExApp({ name: 'exapp', version })
      await stage.addExApp({ name: 'other', version })
      calm = await usageOf(stage.plane)
      calmMemory = (await memoryOf(stage.plane)).now
    })
    finish(() => stage[Symbol.asyncDispose]())

    /** The fault, while somebody else visits another ExApp and must not feel it. */
    const withBystander = (fault: () => Promise<void>) => undisturbed(stage.url('other'), fault)

    const ask = async (path = ''): Promise<number> => (await fetch(stage.url('exapp', path), { headers: { connection: 'close' } })).status

    describe('frpc', () => {
      it('stops for a moment, and nothing is lost', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.frpc.kill('SIGSTOP')
          await delay(momentMs)
          exApp.frpc.kill('SIGCONT')
          expect(await outcomesOf(transfers)).toEqual(whole)
        }), 40_000)

      it('stops for good, and everything ends at its limit, with an error where one can still be said', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.frpc.kill('SIGSTOP')
          const stoppedAt = performance.now()
          expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 504', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
          expect(performance.now() - stoppedAt).toBeLessThan(limitMs + 4_000)
          exApp.frpc.kill('SIGCONT')
          await expectAbortsSeen(transfers, exApp, noticedMs)
          expect(await ask()).toBe(200)
        }), 40_000)

      it('is killed, everything ends at once, and the ExApp hears of it', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.frpc.kill('SIGKILL')
          const killedAt = performance.now()
          expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 502', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
          expect(performance.now() - killedAt).toBeLessThan(noticedMs)
          await expectAbortsSeen(transfers, exApp, noticedMs)
          const early = ask() // waits for the tunnel to come back
          exApp.frpc = await stage.startFrpc(exApp)
          expect(await early).toBe(200)
          expect(performance.now() - killedAt).toBeLessThan(noticedMs + servesMs)
        }), 40_000)

      it('stops for good, and the frpc of a recreated container serves within five seconds', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          const frozen = exApp.frpc
          frozen.kill('SIGSTOP')
          const startedAt = performance.now()
          exApp.frpc = await stage.startFrpc(exApp)
          await exApp.frpc.waitForOutput(/start proxy success/)
          expect(await ask()).toBe(200)
          expect(performance.now() - startedAt).toBeLessThan(servesMs)
          const outcomes = await outcomesOf(transfers) // the old tunnel's streams end with it
          expect(performance.now() - startedAt).toBeLessThan(servesMs)
          expect(outcomes).toEqual({ download: 'broken ECONNRESET', upload: 'broken 502', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
          frozen.kill('SIGCONT') // it finds its session ended and claims its name again: the newcomer lives, and keeps it
          await frozen.waitForOutput(/already exists/, 15_000)
          expect(await ask()).toBe(200)
          frozen.kill('SIGKILL')
        }), 40_000)
    })

    describe('the ExApp', () => {
      it('stops for a moment, and nothing is lost', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.program.kill('SIGSTOP')
          await delay(momentMs)
          exApp.program.kill('SIGCONT')
          expect(await outcomesOf(transfers)).toEqual(whole)
        }), 40_000)

      it('stops for good, and everything ends at its limit, with an error where one can still be said', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.program.kill('SIGSTOP')
          const stoppedAt = performance.now()
          const late = ask()
          expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 504', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
          expect(await late).toBe(504)
          expect(performance.now() - stoppedAt).toBeLessThan(limitMs + 4_000)
          exApp.program.kill('SIGCONT')
          await expectAbortsSeen(transfers, exApp, noticedMs)
          expect(await ask()).toBe(200)
        }), 40_000)

      it('is killed, everything ends at once, and it serves again as soon as it is back', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          exApp.program.kill('SIGKILL')
          const killedAt = performance.now()
          expect(await outcomesOf(transfers)).toEqual({ download: 'broken ECONNRESET', upload: 'broken 502', websocket: 'broken closed with 1006', events: 'broken ECONNRESET' })
          expect(performance.now() - killedAt).toBeLessThan(noticedMs)
          exApp.program = await stage.startProgram(exApp)
          expect(await ask()).toBe(200)
          expect(performance.now() - killedAt).toBeLessThan(noticedMs + servesMs)
        }), 40_000)
    })

    describe('the visitor', () => {
      it('stops for a moment, and nothing is lost', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          for (const { client } of transfers) client.kill('SIGSTOP')
          await delay(momentMs)
          for (const { client } of transfers) client.kill('SIGCONT')
          expect(await outcomesOf(transfers)).toEqual(whole)
        }), 40_000)

      it('stops for good, and what is more than sockets hold ends at its limit for the ExApp', () =>
        withBystander(async () => {
          // Events are so few that the kernel takes them all for a visitor that does not read.
          const transfers = await startTransfers(stage, exApp, { kinds: ['download', 'upload', 'websocket'] })
          for (const { client } of transfers) client.kill('SIGSTOP')
          await expectAbortsSeen(transfers, exApp, stallEndsMs)
          for (const { client } of transfers) client.kill('SIGCONT')
          expect(await outcomesOf(transfers)).toMatchObject({ download: 'broken ECONNRESET', upload: 'broken 408', websocket: 'broken closed with 1006' })
        }), 40_000)

      it('is killed, and the ExApp hears of it within two seconds', () =>
        withBystander(async () => {
          const transfers = await startTransfers(stage, exApp)
          for (const { client } of transfers) client.kill('SIGKILL')
          await expectAbortsSeen(transfers, exApp, noticedMs)
          expect(await ask()).toBe(200)
        }), 40_000)
    })

    // More than a gigabyte has passed in ten faults by then.
    it('after all of that, what was held for it is given back, and memory has stayed bounded', async () => {
      await expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({})
      expect((await memoryOf(stage.plane)).peak).toBeLessThan(calmMemory + 192 * 1024 ** 2)
    })
  })
}
