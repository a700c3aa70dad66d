import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForFaults, FaultyExApp, scenes, type Scene, UndisturbedCalls } from './fault-scenes.ts'

/** AppAPI waits 180 s for certificates, 150 s for a start, and for the rest for ever (its contract §3.1). */
const APPAPI_PATIENCE_MS: Readonly<Partial<Record<Scene['endpoint'], number>>> = { install_certificates: 180_000, wait_for_start: 150_000 }

/** HaRP's longest limit of the others (contract §6.4), twice: more than one call of an endpoint can stall. */
const OTHERS_MS = 120_000

const TIMEOUT_MS = 240_000

describeWithPeer('an engine that takes a call and says nothing', engineForFaults, ({ current }) => {
  const undisturbed = new UndisturbedCalls(current)

  // The longest first: not all of them run at once.
  it.concurrent.each(scenes.toReversed())('is given up during $title within AppAPI’s patience, and the same call made again succeeds', async (scene) => {
    const calls = await undisturbed.of(scene)
    await Promise.all(
      calls.map(async ({ method, path }, index) => {
        const what = `${method} ${path}:`
        await using exapp = await FaultyExApp.set(scene, current(), `s${scenes.indexOf(scene)}-${index}`)
        exapp.break(calls, index, { kind: 'stalls' })
        const began = performance.now()
        const stalled = await exapp.call()
        expect(performance.now() - began).toBeLessThan(APPAPI_PATIENCE_MS[scene.endpoint] ?? OTHERS_MS)
        expect(`${what} ${exapp.proxy.allMet ? 'stalled' : 'was not made'}`).toBe(`${what} stalled`)
        const inTime = scene.dispensable?.test(`${method} ${path}`) === true ? `504|${scene.succeeds.join('|')}` : '504'
        // A look that hangs is HaRP's "overall timeout" (contract §6.4.2), which is no error of the call.
        const answer = scene.endpoint === 'wait_for_start' ? `${inTime}|200 .*overall timeout` : inTime
        expect(`${what} ${stalled.status} ${stalled.text}`).toMatch(new RegExp(`^${what} (${answer})`))
        await exapp.proxy.heal()
        const again = await exapp.call()
        expect(`${what} again ${again.status} ${again.text}`).toMatch(new RegExp(`^${what} again (${scene.succeeds.join('|')}) `))
        expect(`${what} ${await exapp.state()}`).toBe(`${what} ${scene.leaves}`)
      }),
    )
  }, TIMEOUT_MS)
})
