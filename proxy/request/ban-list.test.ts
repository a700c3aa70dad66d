import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BanList } from './ban-list.ts'

/** A list with a clock that the test moves. */
function list(count = 3, windowMs = 1000) {
  let time = 1_000_000
  const full = { times: 0 }
  const bans = new BanList({ count, windowMs, now: () => time, maxAddresses: 1_000, onFull: () => void (full.times += 1) })
  return { bans, full, advance: (milliseconds: number) => (time += milliseconds) }
}

const fail = (bans: BanList, address: string, times: number): number[] => Array.from({ length: times }, () => bans.record(address))

describe('BanList', () => {
  it('bans at the configured number of failures, and only that address', () => {
    const { bans } = list(3)
    expect(fail(bans, 'a', 2)).toEqual([1, 2])
    expect(bans.isBanned('a')).toBe(false)
    expect(fail(bans, 'a', 1)).toEqual([3])
    expect([bans.isBanned('a'), bans.isBanned('b'), bans.isBanned('')]).toEqual([true, false, false])
  })

  it('ends a ban when the oldest failure leaves the window, and the next failure bans again', () => {
    const { bans, advance } = list(3, 1000)
    fail(bans, 'a', 1)
    advance(400)
    fail(bans, 'a', 2)
    advance(599)
    expect(bans.isBanned('a')).toBe(true)
    advance(1)
    expect(bans.isBanned('a')).toBe(false)
    expect(fail(bans, 'a', 1)).toEqual([3])
    expect(bans.isBanned('a')).toBe(true)
  })

  it('never bans failures that are farther apart than the window', () => {
    const { bans, advance } = list(2, 1000)
    for (let n = 0; n < 20; n++) {
      expect(fail(bans, 'a', 1)).toEqual([1])
      advance(1000)
    }
    expect(bans.isBanned('a')).toBe(false)
  })

  it('keeps no more failures than a ban needs', () => {
    const { bans } = list(3)
    expect(fail(bans, 'a', 1000).at(-1)).toBe(3)
  })

  it.each([0, -300_000])('bans nobody with a window of %d', (windowMs) => {
    const { bans } = list(1, windowMs)
    expect([fail(bans, 'a', 5).at(-1), bans.isBanned('a'), bans.size, bans.bannedCount]).toEqual([0, false, 0, 0])
  })

  it('bans at the first failure when one is enough', () => {
    const { bans } = list(1)
    fail(bans, 'a', 1)
    expect(bans.isBanned('a')).toBe(true)
  })

  it('does not count as full for what has left its window', () => {
    const { bans, full, advance } = list(1, 1000)
    for (let n = 0; n < 3_000; n++) {
      bans.record(`made-up-${n}`)
      advance(2)
    }
    expect(full.times).toBe(0)
  })

  it('says how many addresses failed and how many are banned, as time goes', () => {
    const { bans, advance } = list(2, 1000)
    fail(bans, 'a', 2)
    fail(bans, 'b', 1)
    expect([bans.size, bans.bannedCount]).toEqual([2, 1])
    advance(1001)
    expect([bans.size, bans.bannedCount]).toEqual([0, 0])
  })

  it('holds a bounded number of addresses; the one that failed longest ago goes first, one that keeps asking stays', () => {
    const { bans, full } = list(1, 1_000_000)
    fail(bans, 'first', 1)
    fail(bans, 'asking', 1)
    for (let n = 0; n < 1_000; n++) {
      bans.record(`made-up-${n}`)
      if (n % 100 === 0) bans.isBanned('asking')
    }
    expect([bans.size, full.times]).toEqual([1_000, 2])
    expect([bans.isBanned('first'), bans.isBanned('asking'), bans.isBanned('made-up-999')]).toEqual([false, true, true])
  })

  it('agrees with HaRP: banned while the window holds at least so many failures', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 400 }), address: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 150 }), (count, steps) => {
        const { bans, advance } = list(count, 1000)
        const failures: { address: string; at: number }[] = []
        let at = 0
        for (const { wait, address, fails } of steps) {
          at += wait
          advance(wait)
          const inWindow = failures.filter((failure) => failure.address === address && failure.at > at - 1000)
          expect(bans.isBanned(address)).toBe(inWindow.length >= count)
          if (!fails || bans.isBanned(address)) continue // a banned client is dropped before it can fail
          failures.push({ address, at })
          expect(bans.record(address)).toBe(inWindow.length + 1)
        }
      }),
      { numRuns: 60 } // each list reserves room for all its addresses,
    )
  })
})
