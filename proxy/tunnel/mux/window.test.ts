import * as fc from 'fast-check'
import { expect, it } from 'vitest'
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

it('grants the difference to the initial window when a stream is opened', () => {
  expect(new ReceiveWindow(6_291_456).openingDelta).toBe(0x5c0000)
  expect(new ReceiveWindow(262_144).openingDelta).toBe(0)
  expect(new ReceiveWindow(1).openingDelta).toBe(0)
})

it('takes exactly the window and not a byte more', () => {
  const window = new ReceiveWindow(262_144)
  window.reserve(262_000)
  window.reserve(144)
  expect(() => window.reserve(1)).toThrow(ProtocolError)
})

it('returns credit at half of the window', () => {
  const window = new ReceiveWindow(300_000)
  expect(window.returnFor(149_999)).toBe(0)
  expect(window.returnFor(150_000)).toBe(150_000)
  expect(window.returnFor(150_001)).toBe(0)
  expect(window.returnFor(320_000)).toBe(170_000)
})

it('never has more outstanding than the window, whatever is sent and consumed', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(400_000), fc.nat(400_000)), { maxLength: 100 }), (steps) => {
    const maxBytes = 400_000
    const window = new ReceiveWindow(maxBytes)
    let [granted, sent, consumed] = [maxBytes, 0, 0]
    for (const [wantsToSend, wantsToConsume] of steps) {
      const sends = Math.min(wantsToSend, granted - sent)
      window.reserve(sends)
      sent += sends
      consumed += Math.min(wantsToConsume, sent - consumed)
      granted += window.returnFor(consumed)
      expect(granted - consumed).toBeLessThanOrEqual(maxBytes)
      expect(granted - consumed).toBeGreaterThan(maxBytes / 2)
    }
  }))
})
