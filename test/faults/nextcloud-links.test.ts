import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { userCookie } from '../request/stage.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { FarNetwork, networks } from '../support/network.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { sendForAnswer, statusOf } from '../support/send.ts'
import { undisturbed } from './bystander.ts'
import { FaultStage, runProgram } from './stage.ts'

/** HaRP's limit for a call to Nextcloud (contract §4): a kept connection does not know that its link is gone. */
const callLimitMs = 25_000

const version = '0.71.0'
const peers = { name: `${networks.name} and frpc ${version}`, ensure: async () => (await ensureFrp(version), networks.ensure()) }

describeWithPeer('between the data plane and Nextcloud', peers, ({ prepare, finish }) => {
  let network: FarNetwork
  let nextcloud: ChildProcess
  let stage: FaultStage
  prepare(async (tools) => {
    network = await FarNetwork.open(tools)
    nextcloud = await runProgram('nextcloud-program.ts', ['0', network.farAddress], network)
    const url = (await nextcloud.waitForOutput(/listening at \S+/)).slice('listening at '.length)
    stage = await FaultStage.set({ NC_INSTANCE_URL: url })
    await stage.addExApp({ name: 'exapp', version })
    await stage.addExApp({ name: 'other', version })
  })
  finish(async () => {
    await stage[Symbol.asyncDispose]()
    await nextcloud.stop()
    await network[Symbol.asyncDispose]()
  })

  let visitors = 0
  /** Somebody who has a session and whom the data plane does not remember. */
  const visit = (path: string) => statusOf({ port: stage.plane.ports.http, path: `/exapps/exapp/${path}`, headers: { cookie: `${userCookie}; visitor=${++visitors}` } })
  const readiness = async (): Promise<string> => (await sendForAnswer({ port: stage.plane.ports.admin, path: '/readyz' })).text

  it('a link that swallows everything for a moment only makes the visitors wait whom Nextcloud is asked about', () =>
    undisturbed(stage.url('other'), async () => {
      expect(await visit('private')).toBe(200)
      await network.lose(1)
      const answers = Promise.all([visit('private'), visit('private'), visit('page')])
      await delay(2_000)
      await network.lose(0)
      expect(await answers).toEqual([200, 200, 200])
    }), 30_000)

  it('a link that loses two packets in a hundred loses no question', () =>
    undisturbed(stage.url('other'), async () => {
      await network.lose(0.02)
      const answers = await Promise.all(Array.from({ length: 100 }, () => visit('private')))
      expect(answers).toEqual(Array(100).fill(200))
      await network.lose(0)
    }), 60_000)

  it('a link that is pulled out is told within the time for a call, and a visit succeeds as soon as it is back', () =>
    undisturbed(stage.url('other'), async () => {
      await network.plug('out')
      const pulledAt = performance.now()
      expect([await visit('private'), await visit('page')]).toEqual([401, 200])
      // The second visit needs a new connection, which may take its 5 s to fail.
      expect(performance.now() - pulledAt).toBeLessThan(callLimitMs + 10_000)
      expect(await readiness()).toMatch(/\[!\] nextcloud: /)
      await network.plug('in')
      const backAt = performance.now()
      expect(await visit('private')).toBe(200)
      expect(performance.now() - backAt).toBeLessThan(5_000)
      expect(await readiness()).toContain('[+] nextcloud\n')
    }), 60_000)
})
