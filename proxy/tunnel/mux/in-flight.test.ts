import { describe, expect, it } from 'vitest'
import { InFlight } from './in-flight.ts'

const KIB = 1024

/** A line whose answers come when the test says so. */
function startLine() {
  let now = 0
  const probes: ((isAnswered: boolean) => void)[] = []
  let rooms = 0
  let received = 0
  const inFlight = new InFlight({ probe: () => new Promise((resolve) => void probes.push(resolve)), onRoom: () => (rooms += 1), received: () => received, now: () => now })
  return {
    inFlight,
    get probes() {
      return probes.length
    },
    get rooms() {
      return rooms
    },
    /** The question is answered, or given up, after so long, in which the peer has sent so much. */
    async answer(afterMs: number, { isAnswered = true, withBytes = 0 } = {}): Promise<void> {
      now += afterMs
      received += withBytes
      probes.shift()?.(isAnswered)
      await new Promise(setImmediate)
    },
    /** Sends all that may be sent. */
    fill(): void {
      while (inFlight.hasRoom) inFlight.sent(8 * KIB)
    },
  }
}

describe('what is in flight', () => {
  it('is asked about with the first byte, and then when half of the room is used, once at a time', async () => {
    const line = startLine()
    line.inFlight.sent(KIB)
    line.inFlight.sent(KIB)
    expect(line.probes).toBe(1)
    await line.answer(1)
    expect([line.probes, line.inFlight.limit]).toEqual([0, 128 * KIB])
    line.inFlight.sent(62 * KIB)
    expect(line.probes).toBe(0)
    line.inFlight.sent(KIB)
    line.fill()
    expect([line.probes, line.inFlight.hasRoom]).toEqual([1, false])
  })

  it('has arrived when an answer comes: as much as was sent before the question', async () => {
    const line = startLine()
    line.inFlight.sent(20 * KIB)
    line.inFlight.sent(40 * KIB)
    await line.answer(1)
    line.inFlight.sent(87 * KIB)
    expect(line.inFlight.hasRoom).toBe(true) // 127 of 128 KiB, for the first 20 have arrived
    line.inFlight.sent(KIB)
    expect([line.inFlight.hasRoom, line.probes, line.rooms]).toEqual([false, 1, 1])
    await line.answer(1)
    expect([line.inFlight.hasRoom, line.rooms]).toEqual([true, 2])
  })

  it('may be twice as much after every quick answer, up to 64 MiB', async () => {
    const line = startLine()
    for (let round = 0; round < 20; round++) {
      line.fill()
      await line.answer(200) // a line is no slower for being long
    }
    expect(line.inFlight.limit).toBe(64 * KIB * KIB)
  })

  it('is what passes within a second when a line has become slow', async () => {
    const line = startLine()
    for (let round = 0; round < 5; round++) {
      line.fill()
      await line.answer(1)
    }
    expect(line.inFlight.limit).toBe(2 * KIB * KIB)
    for (let round = 0; round < 5; round++) {
      line.fill()
      await line.answer(line.inFlight.limit / 32) // 256 kbit/s
    }
    expect(line.inFlight.limit).toBeGreaterThan(16 * KIB)
    expect(line.inFlight.limit).toBeLessThan(33 * KIB)
  })

  it('is not less because the peer sends much itself, behind which its answer has to wait', async () => {
    const line = startLine()
    for (let round = 0; round < 4; round++) {
      line.fill()
      await line.answer(round === 0 ? 1 : 8_000, { withBytes: 1024 * KIB })
    }
    expect(line.inFlight.limit).toBe(1024 * KIB)
  })

  it('stays as it is while no answer comes, and the peer is asked again', async () => {
    const line = startLine()
    line.fill()
    await line.answer(60_000, { isAnswered: false })
    expect([line.inFlight.limit, line.inFlight.hasRoom, line.probes]).toEqual([64 * KIB, false, 1])
    await line.answer(1)
    expect(line.inFlight.hasRoom).toBe(true)
  })

  it('is not asked about any more once the session is over', async () => {
    const line = startLine()
    line.fill()
    line.inFlight.close()
    await line.answer(1, { isAnswered: false })
    expect(line.probes).toBe(0)
  })
})
