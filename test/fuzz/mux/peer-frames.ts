import * as fc from 'fast-check'
import { ACK, DATA, FIN, frame, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE } from '../../../proxy/tunnel/mux/peer.fixture.ts'
import { limits, type SessionUnderTest } from './session-under-test.ts'
import type { StreamModel } from './stream-model.ts'

/** What a peer means to do with the stream in one of a few places; what is not legal just then is left out. */
export interface Intent {
  readonly kind: 'open' | 'open with data' | 'data' | 'data and FIN' | 'credit' | 'FIN' | 'RST' | 'ping' | 'pong' | 'go-away' | 'late data' | 'late frames' | 'ACK'
  readonly place: number
  readonly amount: number
}

/** A few more than may be open at once. */
export const places = (limits.maxStreams ?? 0) + 2
export const idOf = (place: number): number => 2 * place + 1

export const intents: fc.Arbitrary<Intent> = fc.record({
  kind: fc.constantFrom('open', 'open', 'open with data', 'data', 'data', 'data and FIN', 'credit', 'FIN', 'RST', 'ping', 'pong', 'go-away', 'late data', 'late frames', 'ACK'),
  place: fc.nat(places - 1),
  amount: fc.oneof(fc.nat(20), fc.nat(300_000), fc.integer({ min: 100_000, max: 300_000 })),
})

/** The frames for some intents, in order. What both ends must agree on then is noted in the session. */
export function framesFor(wanted: readonly Intent[], session: SessionUnderTest): Buffer {
  // Whether a stream that is being finished is still there depends on turns of the event loop: one such step in each burst.
  const isTouched = new Set<number>()
  return Buffer.concat(wanted.map((intent) => (isTouched.has(intent.place) ? Buffer.alloc(0) : framesOf(intent, session, isTouched))))
}

function framesOf({ kind, place, amount }: Intent, session: SessionUnderTest, isTouched: Set<number>): Buffer {
  const nothing = Buffer.alloc(0)
  const id = idOf(place)
  const life = session.stream(id)
  const live = life?.isLive === true && !life.peerReset ? life : undefined
  switch (kind) {
    case 'open':
    case 'open with data':
      if (live || !session.isPeerReading) return nothing
      return open(session, id, kind === 'open' ? 0 : amount)
    case 'data':
      return live ? data(live, amount, 0) : nothing
    case 'data and FIN':
    case 'FIN':
      if (!live || live.peerFinished) return nothing
      isTouched.add(place)
      return finish(live, kind === 'FIN' ? 0 : amount)
    case 'credit':
      if (!live) return nothing
      live.grantedToApp += amount
      return frame(WINDOW_UPDATE, 0, id, amount)
    case 'RST':
      if (!live) return nothing
      isTouched.add(place)
      live.peerReset = true
      return frame(WINDOW_UPDATE, RST, id, 0)
    case 'ACK':
      return live ? frame(WINDOW_UPDATE, ACK, id, 0) : nothing
    case 'ping':
      return frame(PING, SYN, 0, amount)
    case 'pong':
      return frame(PING, ACK, 0, 1_000_000 + amount)
    case 'go-away':
      return frame(GO_AWAY, 0, 0, 0)
    case 'late data':
      return frame(DATA, amount % 2 === 0 ? 0 : FIN, 1001, amount, Buffer.alloc(amount))
    case 'late frames':
      return Buffer.concat([ACK, FIN, RST].map((flags) => frame(WINDOW_UPDATE, flags, 1003, amount)))
  }
}

function open(session: SessionUnderTest, id: number, uploadBytes: number): Buffer {
  const life = session.begin(id, 5)
  if (uploadBytes === 0) return frame(WINDOW_UPDATE, SYN, id, 5)
  // The first frame is data: it brings no credit.
  life.grantedToApp -= 5
  return data(life, uploadBytes, SYN)
}

function data(life: StreamModel, wanted: number, flags: number): Buffer {
  const length = Math.min(wanted, life.peerCredit)
  life.peerCredit -= length
  return frame(DATA, flags, life.id, length, life.upload(length))
}

function finish(life: StreamModel, wanted: number): Buffer {
  const bytes = wanted === 0 ? frame(WINDOW_UPDATE, FIN, life.id, 0) : data(life, wanted, FIN)
  life.peerFinished = true
  return bytes
}

/** What ends a session. */
export const breaches = ['another version', 'an unknown type', 'a SYN twice', 'a SYN for an even id', 'a SYN for 0', 'an overrun', 'two FINs', 'too much credit'] as const
export type Breach = (typeof breaches)[number]

/** The frames of a breach; undefined where it would be none just now. */
export function breach(kind: Breach, place: number, session: SessionUnderTest): Buffer | undefined {
  const life = session.stream(idOf(place))
  const live = life?.isLive === true && life.app !== undefined ? life : undefined
  switch (kind) {
    case 'another version':
      return Buffer.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    case 'an unknown type':
      return frame(4, 0, 1, 0)
    case 'a SYN twice':
      return live && frame(WINDOW_UPDATE, SYN, live.id, 0)
    case 'a SYN for an even id':
      return frame(WINDOW_UPDATE, SYN, 2 * place + 2, 0)
    case 'a SYN for 0':
      return frame(WINDOW_UPDATE, SYN, 0, 0)
    case 'an overrun':
      return live && frame(DATA, 0, live.id, live.peerCredit + 1)
    case 'two FINs':
      // In one piece: a stream whose application has ended is gone after the first.
      return live?.appEnd === 'none' && !live.peerFinished ? Buffer.concat([0, 1].map(() => frame(WINDOW_UPDATE, FIN, live.id, 0))) : undefined
    case 'too much credit':
      // With the first of them a stream may send its last byte, and be gone.
      return live && !live.peerFinished ? Buffer.concat([0, 1].map(() => frame(WINDOW_UPDATE, 0, live.id, 0xffff_ffff))) : undefined
  }
}
