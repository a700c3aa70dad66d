import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from './errors.ts'
import { ReceiveWindow, SendWindow } from './window.ts'

it('starts a send window at 262144 and counts deltas and bytes', () => {
  const window = new SendWindow()
  expect(window.credit).toBe(262_144)
  window.add(0x5c0000)
  expect(window.credit).toBe(6_291_456)
  window.spend(291_456)
  expect(window.credit).toBe(6_000_000)
})

it('refuses credit that no peer can count', () => {
  const window = new SendWindow()
  expect(() => window.add(0xffff_ffff)).toThrow(ProtocolError)
})

const INITIAL = 262_144
const MAX = 1_048_576

/** A receive window with a clock of the test's own, and somebody who lends `lendable` bytes. */
function receiveWindow({ lendable = MAX, maxBytes = MAX, isScarce = false } = {}) {
  const lent = { bytes: 0 }
  const clock = { ms: 0 }
  const lend = (bytes: number): boolean => {
    if (lent.bytes + bytes > lendable) return false
    lent.bytes += bytes
    return true
  }
  const window = new ReceiveWindow(maxBytes, { lend, takeBack: (bytes) => void (lent.bytes -= bytes), isScarce }, () => clock.ms)
  return { window, lent, clock }
}

describe('a receive window', () => {
  it('begins with exactly what the protocol grants, and not a byte more', () => {
    const { window } = receiveWindow()
    window.reserve(262_000)
    window.reserve(144)
    expect(() => window.reserve(1)).toThrow(ProtocolError)
  })

  it('returns credit at half of itself', () => {
    const { window } = receiveWindow({ lendable: 0 })
    expect(window.returnFor(131_071, 0)).toBe(0)
    expect(window.returnFor(131_072, 0)).toBe(131_072)
    expect(window.returnFor(131_073, 0)).toBe(0)
    expect(window.returnFor(300_000, 0)).toBe(168_928)
  })

  it('doubles for a reader that keeps up, up to its maximum, and counts that as lent', () => {
    const { window, lent } = receiveWindow()
    expect(window.returnFor(131_072, 0)).toBe(131_072 + INITIAL)
    expect(lent.bytes).toBe(INITIAL)
    expect(window.returnFor(131_072 + INITIAL, 0)).toBe(INITIAL + 2 * INITIAL)
    expect(window.returnFor(131_072 + 3 * INITIAL, 0)).toBe(2 * INITIAL)
    expect(lent.bytes).toBe(MAX - INITIAL)
  })

  it('stays as it is for a reader that is slow', () => {
    const { window, lent, clock } = receiveWindow()
    clock.ms = 251
    expect(window.returnFor(131_072, 0)).toBe(131_072)
    expect(lent.bytes).toBe(0)
  })

  it('stays as it is while nobody lends', () => {
    const { window } = receiveWindow({ lendable: INITIAL - 1 })
    expect(window.returnFor(131_072, 0)).toBe(131_072)
  })

  it('stays large for a reader that falls behind while there is plenty', () => {
    const { window, lent } = receiveWindow({ maxBytes: 2 * INITIAL })
    window.returnFor(131_072, 0)
    expect(window.returnFor(131_072 + INITIAL, INITIAL)).toBe(INITIAL)
    expect(lent.bytes).toBe(INITIAL)
  })

  it('becomes the initial one again when its reader falls behind where bytes are scarce, and gives back what was lent', () => {
    const { window, lent } = receiveWindow({ maxBytes: 2 * INITIAL, isScarce: true })
    window.returnFor(131_072, 0) // 2 × 262,144 are granted from here on
    expect(window.returnFor(131_072 + INITIAL, INITIAL)).toBe(0)
    expect(lent.bytes).toBe(0)
    expect(window.returnFor(2 * INITIAL - 1, 0)).toBe(0)
    expect(window.returnFor(2 * INITIAL, 0)).toBeGreaterThanOrEqual(131_072)
  })

  it('gives back what was lent at its end', () => {
    const { window, lent } = receiveWindow()
    window.returnFor(131_072, 0)
    window.close()
    window.close()
    expect(lent.bytes).toBe(0)
  })

  it('never has more outstanding than the initial window and what is lent, whatever is sent and read', () => {
    const step = fc.record({ sends: fc.nat(400_000), reads: fc.nat(400_000), ms: fc.nat(400) })
    fc.assert(fc.property(fc.nat(MAX), fc.boolean(), fc.array(step, { maxLength: 100 }), (lendable, isScarce, steps) => {
      const { window, lent, clock } = receiveWindow({ lendable, isScarce })
      let [granted, sent, read, largest] = [INITIAL, 0, 0, INITIAL]
      for (const { sends, reads, ms } of steps) {
        clock.ms += ms
        const sending = Math.min(sends, granted - sent)
        window.reserve(sending)
        sent += sending
        read += Math.min(reads, sent - read)
        granted += window.returnFor(read, sent - read)
        largest = Math.max(largest, INITIAL + lent.bytes)
        expect(lent.bytes).toBeLessThanOrEqual(lendable)
        expect(granted - read).toBeLessThanOrEqual(largest)
        // A reader that has taken all never leaves its peer without credit.
        expect(sent === read ? granted - sent : INITIAL).toBeGreaterThanOrEqual(INITIAL / 2)
      }
    }))
  })
})
