import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'

describe('parseDuration', () => {
  it.each([
    ['0', 0], ['1', 1], ['250', 250], ['1us', 1], ['1000us', 1], ['1001us', 2], ['5ms', 5], ['30s', 30_000], ['2m', 120_000], ['1h', 3_600_000], ['24d', 2_073_600_000], ['007s', 7000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it.each(['', ' ', 's', '-1', '+1', '1.5s', '1 s', '1S', '1min', '1s1s', '25d', '1e3', '0x10', '2147483648', '9999999999999999'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('answers only what a timer can wait', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e15 - 1 }), fc.constantFrom('', 'us', 'ms', 's', 'm', 'h', 'd'), (count, unit) => {
        const milliseconds = parseDuration(`${count}${unit}`)
        expect(milliseconds ?? 0).toSatisfy((wait: number) => Number.isInteger(wait) && wait >= 0 && wait < 2 ** 31)
      }),
    )
  })
})
