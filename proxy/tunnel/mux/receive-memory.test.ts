import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimitName } from '../../limit-reached.ts'
import { StreamMemoryError } from './errors.ts'
import { FIN, connectSession } from './peer.fixture.ts'
import { ReceiveMemory } from './receive-memory.ts'
import type { Holder, SessionMemory } from './receive-memory.ts'

/** Holds bytes until it is made to give up. */
class TestHolder implements Holder {
  readonly session: SessionMemory
  heldBytes = 0
  hasGivenUp = false

  constructor(session: SessionMemory) {
    this.session = session
    session.join(this)
  }

  hold(bytes: number): this {
    const change = bytes - this.heldBytes
    this.heldBytes = bytes
    this.session.change(change)
    return this
  }

  giveUp(): void {
    this.hasGivenUp = true
    this.hold(0)
  }
}

function memoryOf(limitBytes: number) {
  const reached: LimitName[] = []
  const limit = { bytes: limitBytes }
  return { memory: new ReceiveMemory({ limitBytes: () => limit.bytes, onLimit: (name) => void reached.push(name) }), reached, limit }
}

describe('the memory for unread bytes', () => {
  it('has the largest holder of a session give up when the session has more than its quarter', () => {
    const { memory, reached } = memoryOf(4000)
    const session = memory.newSession()
    const [small, large, last] = [new TestHolder(session).hold(400), new TestHolder(session).hold(600), new TestHolder(session)]
    expect(reached).toEqual([])
    last.hold(1)
    expect([small, large, last].map(({ hasGivenUp }) => hasGivenUp)).toEqual([false, true, false])
    expect(reached).toEqual(['frp_memory_per_session'])
    expect(memory.heldBytes).toBe(401)
  })

  it('has the largest holder of the largest session give up when all together have too much', () => {
    const { memory, reached } = memoryOf(4000)
    const holders = [900, 1000, 950, 900, 250].map((bytes) => new TestHolder(memory.newSession()).hold(bytes))
    expect(reached).toEqual([])
    holders[4]?.hold(251)
    expect(holders.map(({ hasGivenUp }) => hasGivenUp)).toEqual([false, true, false, false, false])
    expect(reached).toEqual(['frp_memory'])
    expect(memory.heldBytes).toBe(3001)
  })

  it('follows its limit when that changes', () => {
    const { memory, limit, reached } = memoryOf(4000)
    const holder = new TestHolder(memory.newSession()).hold(1000)
    limit.bytes = 8000
    holder.hold(2000)
    expect(reached).toEqual([])
    limit.bytes = 4000
    holder.hold(2001)
    expect(holder.hasGivenUp).toBe(true)
  })

  it('lends while no more than half of it is in use, to a session and in all', () => {
    const { memory } = memoryOf(4000)
    const sessions = Array.from({ length: 5 }, () => memory.newSession())
    expect(sessions[0]?.lend(501)).toBe(false)
    expect(sessions.map((session) => session.lend(500))).toEqual([true, true, true, true, false])
    sessions[0]?.takeBack(500)
    expect(sessions[4]?.lend(500)).toBe(true)
    sessions[4]?.takeBack(500)
    const holder = new TestHolder(memory.newSession()).hold(500)
    expect(sessions[4]?.lend(1)).toBe(false)
    holder.hold(0)
    expect(sessions[4]?.lend(1)).toBe(true)
  })

  it('is scarce from a quarter on, for a session and for all', () => {
    const { memory } = memoryOf(4000)
    const [one, other] = [memory.newSession(), memory.newSession()]
    one.lend(250)
    expect([one.isScarce, other.isScarce]).toEqual([false, false])
    const holder = new TestHolder(one).hold(1)
    expect([one.isScarce, other.isScarce]).toEqual([true, false])
    for (const session of [1, 2, 3].map(() => memory.newSession())) new TestHolder(session).hold(250)
    expect(other.isScarce).toBe(true)
    holder.hold(0)
    expect([one.isScarce, other.isScarce]).toEqual([false, false])
  })

  it('never keeps more than its limits, whoever holds and lets go', () => {
    const step = fc.record({ holder: fc.nat(11), bytes: fc.nat(3000) })
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { memory } = memoryOf(10_000)
      const sessions = [0, 1, 2].map(() => memory.newSession())
      const holders = sessions.flatMap((session) => [0, 1, 2, 3].map(() => new TestHolder(session)))
      for (const { holder, bytes } of steps) {
        holders[holder]?.hold(bytes)
        expect(memory.heldBytes).toBe(holders.reduce((sum, { heldBytes }) => sum + heldBytes, 0))
        expect(memory.heldBytes).toBeLessThanOrEqual(10_000)
        for (const { heldBytes } of sessions) expect(heldBytes).toBeLessThanOrEqual(2_500)
      }
    }))
  })
})

describe('streams that nobody reads', () => {
  const MIB = 1024 ** 2

  it('keep what they have as long as there is room; then the one with most is reset, and the others are served', async () => {
    await using session = await connectSession({ memoryBytes: 4 * MIB })
    for (const id of [1, 3, 5, 7, 11]) session.peer.open(id)
    for (const id of [1, 5, 7]) session.peer.data(id, Buffer.alloc(250_000))
    session.peer.data(3, Buffer.alloc(262_144))
    const large = await session.stream(3)
    expect(session.reached).toEqual([])
    session.peer.data(11, Buffer.alloc(40_000))
    await session.peer.until(() => large.closed)
    expect(large.errored).toBeInstanceOf(StreamMemoryError)
    await session.peer.settled()
    expect(session.peer.storyOf(3)).toEqual(['ACK', 'RST'])
    expect(session.reached).toEqual(['frp_memory_per_session'])
    expect(session.memory.heldBytes).toBe(790_000)
    for (const id of [1, 5, 7]) expect(session.peer.storyOf(id)).toEqual(['ACK'])
    session.peer.data(11, 'the end', FIN)
    let bytes = 0
    for await (const chunk of await session.stream(11)) bytes += (chunk as Buffer).length
    expect(bytes).toBe(40_007)
    expect(session.memory.heldBytes).toBe(750_000)
  })

  it('count no more once they are gone, however they went', async () => {
    await using session = await connectSession()
    for (const id of [1, 3, 5]) {
      session.peer.open(id)
      session.peer.data(id, Buffer.alloc(100_000))
    }
    session.peer.data(3, '', FIN)
    const streams = [await session.stream(1), await session.stream(3), await session.stream(5)]
    await session.peer.settled()
    expect(session.memory.heldBytes).toBe(300_000)
    streams[0]?.destroy()
    streams[1]?.destroy()
    expect(session.memory.heldBytes).toBe(100_000)
    session.muxer.close()
    expect(session.memory.heldBytes).toBe(0)
  })

  it('count what an application has not taken out of its stream', async () => {
    await using session = await connectSession()
    session.peer.open(1)
    const stream = await session.stream(1)
    stream.on('readable', () => {})
    session.peer.data(1, Buffer.alloc(50_000))
    await session.peer.until(() => stream.readableLength === 50_000)
    expect(session.memory.heldBytes).toBe(50_000)
    stream.read(20_000)
    expect(session.memory.heldBytes).toBe(30_000)
    stream.read()
    expect(session.memory.heldBytes).toBe(0)
  })
})

it('lets a stream that is read have its whole window, and takes it back when the stream is gone', async () => {
  await using session = await connectSession()
  session.peer.open(1)
  const stream = await session.stream(1)
  stream.resume()
  const granted = () => 262_144 + session.peer.of(1).reduce((sum, { length }) => sum + length, 0)
  let sent = 0
  await session.peer.until(() => {
    for (; sent + 65_536 <= granted(); sent += 65_536) session.peer.data(1, Buffer.alloc(65_536))
    return sent > 4_000_000
  })
  await session.peer.until(() => stream.bytesRead === sent)
  await session.peer.settled()
  expect(granted() - sent).toBeGreaterThan(1_048_576 / 2)
  stream.destroy()
  const other = session.memory.newSession()
  expect(other.lend(64 * 1024 ** 2 / 8)).toBe(true) // all that one session may have is free
})
