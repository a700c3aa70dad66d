import * as fc from 'fast-check'
import { frame, GO_AWAY } from '../../../proxy/tunnel/mux/peer.fixture.ts'
import { type Breach, breach, breaches, framesFor, idOf, type Intent, intents, places } from './peer-frames.ts'
import type { SessionUnderTest } from './session-under-test.ts'
import type { StreamModel } from './stream-model.ts'

/** One step of a run: what both ends must agree on is part of the session, so it is model and reality at once. */
type Step = fc.AsyncCommand<{ readonly session: SessionUnderTest }, SessionUnderTest>

function step(title: string, { when = () => true, run }: { readonly when?: (session: SessionUnderTest) => boolean; readonly run: (session: SessionUnderTest) => Promise<void> }): Step {
  return { check: ({ session }) => session.ending === 'open' && when(session), run: (_model, session) => run(session), toString: () => title }
}

const peerSends = (wanted: readonly Intent[], cuts: readonly number[]): Step =>
  step(`peer sends ${JSON.stringify(wanted)} cut at ${cuts.join()}`, { run: (session) => session.send(framesFor(wanted, session), cuts) })

const peerBreaksRules = (kind: Breach, place: number, cuts: readonly number[]): Step =>
  step(`peer breaks the rules with ${kind} on ${idOf(place)} cut at ${cuts.join()}`, {
    // Only a peer that has heard everything knows what would be a breach.
    when: (session) => session.isPeerReading && breach(kind, place, session) !== undefined,
    run: async (session) => {
      const bytes = breach(kind, place, session) ?? Buffer.alloc(0)
      const life = session.stream(idOf(place))
      if (kind === 'too much credit' && life) life.grantedToApp = Number.MAX_SAFE_INTEGER
      session.ending = 'protocol error'
      await session.send(bytes, kind === 'two FINs' ? [] : cuts)
    },
  })

const peerGoesAway = (code: number): Step =>
  step(`peer goes away with code ${code}`, {
    run: async (session) => {
      session.ending = 'by the peer'
      await session.send(frame(GO_AWAY, 0, 0, code), [])
    },
  })

const appActs = (title: string, place: number, act: (life: StreamModel) => void): Step =>
  step(`${title} on ${idOf(place)}`, {
    when: (session) => session.usable.some(({ id }) => id === idOf(place)),
    run: async (session) => {
      const life = session.stream(idOf(place))
      if (life) act(life)
      await session.settle()
    },
  })

const writes = (place: number, bytes: number): Step =>
  appActs(`application writes ${bytes}`, place, (life) => {
    if (life.app && !life.app.writableEnded) life.app.write(life.download(bytes))
  })

const ends = (place: number, how: 'end' | 'destroySoon' | 'destroy'): Step =>
  appActs(`application calls ${how}()`, place, (life) => {
    life.appEnd = how
    life.app?.[how]()
  })

const reads = (place: number, isReading: boolean): Step =>
  appActs(isReading ? 'application reads' : 'application stops reading', place, (life) => {
    life.isReading = isReading
    life.app?.[isReading ? 'resume' : 'pause']()
  })

const place = fc.nat(places - 1)
const cuts = fc.array(fc.nat(1000), { maxLength: 4 })

/** What a session may end with: tried last in a run, as nothing comes behind it. */
export const endings: fc.Arbitrary<readonly Step[]> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom(...breaches), cuts).map(([kind, cut]) => Array.from({ length: places }, (_, at) => peerBreaksRules(kind, at, cut))) },
  { weight: 2, arbitrary: fc.constantFrom(1, 2, 77).map((code) => [peerGoesAway(code)]) },
  { weight: 1, arbitrary: fc.constant([step('peer ends the connection', { run: (session) => session.endTransport() })]) },
  { weight: 1, arbitrary: fc.constant([]) },
)

const drain = step('we take no more streams', {
  run: async (session) => {
    session.isGoingAway = true
    session.muxer.goAway()
    await session.settle()
  },
})

/** Whatever a peer, applications and time do to a session without ending it. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.tuple(fc.array(intents, { minLength: 1, maxLength: 6 }), cuts).map(([wanted, cut]) => peerSends(wanted, cut)) },
  { weight: 15, arbitrary: fc.tuple(place, fc.oneof(fc.nat(50), fc.integer({ min: 100_000, max: 600_000 }))).map(([at, bytes]) => writes(at, bytes)) },
  { weight: 8, arbitrary: fc.tuple(place, fc.constantFrom('end', 'destroySoon', 'destroy')).map(([at, how]) => ends(at, how)) },
  { weight: 12, arbitrary: fc.tuple(place, fc.boolean()).map(([at, isReading]) => reads(at, isReading)) },
  { weight: 8, arbitrary: fc.boolean().map((isReading) => step(isReading ? 'peer reads' : 'peer stops reading', { run: (session) => session.setPeerReading(isReading) })) },
  { weight: 4, arbitrary: fc.nat(70_000).map((ms) => step(`${ms} ms pass`, { when: ({ isPeerReading }) => isPeerReading, run: (session) => session.pass(ms) })) },
  { weight: 1, arbitrary: fc.constant(drain) },
)
