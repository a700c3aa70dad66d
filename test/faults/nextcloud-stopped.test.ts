import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { userCookie } from '../request/stage.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { frp } from '../support/peers/frp.ts'
import { sendForAnswer, statusOf } from '../support/send.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, runProgram, type Service } from './stage.ts'
import { outcomesOf, startTransfers, whole } from './transfers.ts'
import { type Usage, leftBehind, settling, usageOf } from './usage.ts'

/** HaRP's limit for a call to Nextcloud (contract §4). */
const callLimitMs = 25_000

const version = '0.71.0'

describeWithPeer('a Nextcloud', frp(version), ({ prepare, finish }) => {
  let nextcloud: ChildProcess
  let nextcloudUrl: string
  let stage: FaultStage
  let exApp: Service
  let calm: Usage

  async function startNextcloud(port = 0): Promise<ChildProcess> {
    const program = await runProgram('nextcloud-program.ts', [String(port)])
    nextcloudUrl = (await program.waitForOutput(/listening at \S+/)).slice('listening at '.length)
    return program
  }
  prepare(async () => {
    nextcloud = await startNextcloud()
    stage = await FaultStage.set({ NC_INSTANCE_URL: nextcloudUrl, HP_SESSION_LIFETIME: '10' })
    exApp = await stage.addExApp({ name: 'exapp', version })
    await stage.addExApp({ name: 'other', version })
    calm = await usageOf(stage.plane)
  })
  finish(async () => {
    await stage[Symbol.asyncDispose]()
    await nextcloud.stop()
  })

  const ask = (app: string, path = '', cookie?: string) =>
    statusOf({ port: stage.plane.ports.http, path: `/exapps/${app}/${path}`, ...(cookie === undefined ? {} : { headers: { cookie } }) })
  const readiness = async (): Promise<string> => (await sendForAnswer({ port: stage.plane.ports.admin, path: '/readyz' })).text

  it('that stops for good delays nobody but those it is asked about, and those only as long as a call may take', () =>
    undisturbed(stage.url('other'), async () => {
      const transfers = await startTransfers(stage, exApp)
      expect(await ask('exapp', 'private', userCookie)).toBe(200)
      nextcloud.kill('SIGSTOP')
      const stoppedAt = performance.now()
      const stranger = ask('exapp', 'private', `${userCookie}; another=visitor`)
      const publicPage = ask('exapp', 'page', `${userCookie}; a=third`)
      const unknown = ask('not-yet-known')
      expect(await ask('exapp', 'private', userCookie)).toBe(200) // remembered
      expect(await ask('exapp', 'page')).toBe(200) // nobody to ask about
      expect(await outcomesOf(transfers)).toEqual(whole)

      // An ExApp's container that restarts just then gets its tunnel back: the shared key opens what nobody contradicts.
      exApp.frpc.kill('SIGKILL')
      exApp.frpc = await stage.startFrpc(exApp)
      await exApp.frpc.waitForOutput(/start proxy success/, 15_000)
      expect(await ask('exapp', 'page')).toBe(200)

      expect([await stranger, await publicPage, await unknown]).toEqual([401, 200, 404])
      expect(performance.now() - stoppedAt).toBeLessThan(callLimitMs + 5_000)
      expect(await readiness()).toMatch(/\[!\] nextcloud: .*Nextcloud did not answer in time/)

      nextcloud.kill('SIGCONT')
      expect(await ask('exapp', 'private', `${userCookie}; another=visitor`)).toBe(200)
      expect(await ask('not-yet-known')).toBe(404)
      expect(await readiness()).toContain('[+] nextcloud\n')
    }), 90_000)

  it('that stops for a moment loses no question', () =>
    undisturbed(stage.url('other'), async () => {
      nextcloud.kill('SIGSTOP')
      const answers = Promise.all(Array.from({ length: 50 }, (_, visitor) => ask('exapp', 'private', `${userCookie}; visitor=${visitor}`)))
      await delay(1_200)
      nextcloud.kill('SIGCONT')
      expect(await answers).toEqual(Array(50).fill(200))
    }), 40_000)

  it('that is killed is told at once, and is used again as soon as it is back', () =>
    undisturbed(stage.url('other'), async () => {
      nextcloud.kill('SIGSTOP')
      const underWay = ask('exapp', 'private', `${userCookie}; who=0`)
      await delay(200) // until it has been asked: a process that stands still cannot say so
      nextcloud.kill('SIGKILL')
      await nextcloud.exited
      const startedAt = performance.now()
      expect(await underWay).toBe(401)
      expect([await ask('exapp', 'private', `${userCookie}; who=1`), await ask('exapp', 'page', `${userCookie}; who=2`), await ask('nobody')]).toEqual([401, 200, 404])
      expect(performance.now() - startedAt).toBeLessThan(2_000)
      expect(await readiness()).toMatch(/\[!\] nextcloud: .*Nextcloud cannot be reached \(ECONNREFUSED\)/)
      nextcloud = await startNextcloud(Number(new URL(nextcloudUrl).port))
      expect(await ask('exapp', 'private', `${userCookie}; who=1`)).toBe(200)
      expect(await ask('nobody')).toBe(404)
      expect(await readiness()).toContain('[+] nextcloud\n')
    }), 40_000)

  it('leaves nothing behind', () => expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({}), 20_000)
})
