import { describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { EngineFault } from '../support/engine-proxy.ts'
import { engineForFaults, FaultyExApp, scenes, UndisturbedCalls } from './fault-scenes.ts'

const faults: readonly EngineFault[] = [
  { kind: 'refuses' },
  { kind: 'dies before' },
  { kind: 'dies after' },
  { kind: 'dies mid-answer' },
  { kind: 'answers', status: 500 },
  { kind: 'answers garbage' },
]

/** A scene has up to ten calls, each broken once: the longest took 20 s. */
const TIMEOUT_MS = 180_000

/** So that a failure tells which of the many calls it was, and its answer. */
const startsWith = (what: string, statuses: readonly number[]): RegExp => new RegExp(`^${what} (${statuses.join('|')}) `)

describeWithPeer('an engine that breaks in the middle of a call', engineForFaults, ({ current }) => {
  const undisturbed = new UndisturbedCalls(current)

  for (const scene of scenes) {
    describe.concurrent(`during ${scene.title}`, () => {
      it.each(faults.map((fault) => ({ fault, what: fault.kind === 'answers' ? 'answers 500' : fault.kind })))('Q17: is told as 503 when it $what, and the same call made again succeeds', async ({ fault }) => {
        const calls = await undisturbed.of(scene)
        for (const [index, { method, path }] of calls.entries()) {
          const what = `${method} ${path}:`
          await using exapp = await FaultyExApp.set(scene, current(), `f${scenes.indexOf(scene)}-${faults.indexOf(fault)}-${index}`)
          exapp.break(calls, index, fault)
          const broken = await exapp.call()
          expect(`${what} ${exapp.proxy.allMet ? 'broke' : 'was not made'}`).toBe(`${what} broke`)
          const allowed = scene.dispensable?.test(`${method} ${path}`) === true ? [503, 504, ...scene.succeeds] : [503]
          expect(`${what} ${broken.status} ${broken.text}`).toMatch(startsWith(what, allowed))
          await exapp.proxy.heal()
          const again = await exapp.call()
          expect(`${what} again ${again.status} ${again.text}`).toMatch(startsWith(`${what} again`, scene.succeeds))
          expect(`${what} ${await exapp.state()}`).toBe(`${what} ${scene.leaves}`)
        }
      }, TIMEOUT_MS)
    })
  }
})
