import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apiVersionPattern, boundApiVersion } from './api-version.ts'

describe('the API version for an engine', () => {
  const debian12 = { newest: '1.41', oldest: '1.12' }
  const docker29 = { newest: '1.52', oldest: '1.44' }

  it.each([
    ['1.44', debian12, '1.41'],
    ['1.41', debian12, '1.41'],
    ['1.40', debian12, '1.40'],
    ['1.9', debian12, '1.12'], // smaller than 1.12, though not as a decimal number
    ['1.100', debian12, '1.41'],
    ['0.9', debian12, '1.41'],
    ['2.0', debian12, '1.41'],
    ['1.44', docker29, '1.44'],
    ['1.43', docker29, '1.44'],
    ['1.60', docker29, '1.52'],
    ['1.52', docker29, '1.52'],
  ])('is, for %s and an engine of %o, %s', (wanted, offered, expected) => {
    expect(boundApiVersion(wanted, offered)).toBe(expected)
  })

  it.each([
    '',
    '.',
    '..',
    '1',
    '1.',
    '.44',
    '1..44',
    '1.44.1',
    '01.44',
    '1.044',
    '1.44 ',
    '1.44\n',
    '1e1.44',
    '9'.repeat(400),
    `${'9'.repeat(400)}.1`,
    `1.${'9'.repeat(400)}`,
    '1.44/../x',
    '-1.44',
    '1,44',
    'v1.44',
    '١.٤٤',
  ])('is the newest for %j, which is no version', (wanted) => {
    expect(boundApiVersion(wanted, debian12)).toBe('1.41')
  })

  it('is always one that the engine offers', () => {
    const minor = fc.integer({ min: 0, max: 9_999 })
    const prefix = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[0-9.]{0,12}$/),
      minor.map((number) => `1.${number}`),
    )
    fc.assert(
      fc.property(prefix, minor, minor, (wanted, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        const bound = boundApiVersion(wanted, { oldest: `1.${low}`, newest: `1.${high}` })
        const [major, number] = bound.split('.')
        expect(bound).toMatch(apiVersionPattern)
        expect(major).toBe('1')
        expect(Number(number)).toBeGreaterThanOrEqual(low)
        expect(Number(number)).toBeLessThanOrEqual(high)
      }),
    )
  })
})
