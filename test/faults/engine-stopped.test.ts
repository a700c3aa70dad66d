import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { callEngine, type EngineAnswer, openCall } from '../docker/engine-call.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { hashStream } from '../tunnel/hashes.ts'
import { undisturbed } from './bystander.ts'
import { hashOfContent } from './content.ts'
import { FaultStage, type Service } from './stage.ts'
import { type Usage, leftBehind, settling, usageOf } from './usage.ts'

const limits = { HP_TIMEOUT_SERVER: '3s', HP_TIMEOUT_CONNECT: '2s' }

for (const version of frpVersions) {
  describeWithPeer('a Docker Engine behind a tunnel', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: FaultStage
    let engine: Service
    let calm: Usage
    prepare(async () => {
      stage = await FaultStage.set(limits)
      engine = await stage.addEngine({ name: 'deploy-daemon-1', version })
      await stage.addExApp({ name: 'other', version })
      calm = await usageOf(stage.plane)
    })
    finish(() => stage[Symbol.asyncDispose]())

    const call = { engine: '24001', headers: { connection: 'close' } }
    const ping = (): Promise<EngineAnswer> => callEngine(stage.plane.ports.http, { ...call, path: '/_ping' })

    /** A container's log, of which some has come. */
    async function followLog(): Promise<IncomingMessage> {
      const answer = await openCall(stage.plane.ports.http, { ...call, path: '/v1.44/containers/nc_app_exapp/logs?follow=1' })
      await once(answer, 'readable')
      return answer
    }

    it('that stops for a moment loses nothing of what it streams', () =>
      undisturbed(stage.url('other'), async () => {
        const log = await followLog()
        engine.program.kill('SIGSTOP')
        const hash = hashStream(log)
        await delay(1_200)
        engine.program.kill('SIGCONT')
        expect(await hash).toBe(hashOfContent('download'))
      }), 40_000)

    it('that stops for good is told to AppAPI within HP_TIMEOUT_CONNECT, and what it streams is cut after HP_TIMEOUT_SERVER', () =>
      undisturbed(stage.url('other'), async () => {
        const log = await followLog()
        engine.program.kill('SIGSTOP')
        const stoppedAt = performance.now()
        expect(await ping()).toMatchObject({ status: 504, text: expect.stringContaining('the server behind tunnel 24001 is connected but does not answer; is the Docker Engine running?') })
        expect(performance.now() - stoppedAt).toBeLessThan(3_500)
        await expect(hashStream(log)).rejects.toThrow('aborted')
        expect(performance.now() - stoppedAt).toBeLessThan(6_500)
        engine.program.kill('SIGCONT')
        await engine.program.waitForOutput(/a call was aborted/, 2_000)
        expect(await ping()).toMatchObject({ status: 200, text: 'OK' })
      }), 40_000)

    it('that is killed is told at once, and serves again as soon as it is back', () =>
      undisturbed(stage.url('other'), async () => {
        const log = await followLog()
        engine.program.kill('SIGKILL')
        const killedAt = performance.now()
        await expect(hashStream(log)).rejects.toThrow('aborted')
        expect(performance.now() - killedAt).toBeLessThan(2_000)
        expect([503, 504]).toContain((await ping()).status) // old frpcs keep a connection open that they cannot pass on
        engine.program = await stage.startProgram(engine)
        expect(await ping()).toMatchObject({ status: 200, text: 'OK' })
      }), 40_000)

    it('leaves nothing behind', () => expect.poll(() => leftBehind(stage.plane, calm), settling).toEqual({}), 20_000)
  })
}
