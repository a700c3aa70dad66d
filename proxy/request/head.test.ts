import { describe, expect, it } from 'vitest'
import { cookieValue, readHead } from './head.ts'

describe('readHead', () => {
  it('takes the last of a repeated header, whatever its spelling', () => {
    const { last } = readHead(['HARP-Shared-Key', 'no', 'harp-shared-key', 'sk', 'Accept', 'a'])
    expect([...last]).toEqual([['harp-shared-key', 'sk'], ['accept', 'a']])
  })

  it('joins cookie lines and forwarding lines in their order', () => {
    const head = readHead(['Cookie', 'a=1; b=2', 'X-Forwarded-For', '1.1.1.1, 2.2.2.2', 'cookie', 'c=3', 'x-forwarded-for', '3.3.3.3'])
    expect([head.cookies, head.forwardedFor]).toEqual(['a=1; b=2; c=3', '1.1.1.1, 2.2.2.2,3.3.3.3'])
  })

  it('counts Host lines', () => {
    expect([[], ['Host', 'a'], ['Host', 'a', 'HOST', 'a']].map((raw) => readHead(raw).hostLines)).toEqual([0, 1, 2])
  })

  it('knows absent from empty', () => {
    expect(readHead([])).toEqual({ last: new Map(), cookies: undefined, forwardedFor: undefined, hostLines: 0 })
    expect(readHead(['Cookie', '', 'X-Forwarded-For', ''])).toMatchObject({ cookies: '', forwardedFor: '' })
  })
})

describe('cookieValue', () => {
  const name = 'oc_sessionPassphrase'

  it.each([
    ['oc_sessionPassphrase=abc', 'abc'],
    ['a=1;oc_sessionPassphrase=a%2Bb=c ; b=2', 'a%2Bb=c'],
    ['x_oc_sessionPassphrase=no; oc_sessionPassphrase=yes', 'yes'],
    ['oc_sessionPassphrase=; oc_sessionPassphrase=second', 'second'],
    ['oc_sessionPassphrase=first; oc_sessionPassphrase=second', 'first'],
  ])('finds it in %s', (cookies, value) => {
    expect(cookieValue(cookies, name)).toBe(value)
  })

  it.each([undefined, '', 'oc_sessionPassphrase', 'oc_sessionPassphrase=', 'oc_sessionPassphrase= ; a=1', 'OC_SESSIONPASSPHRASE=abc', 'a=oc_sessionPassphrase=abc', 'oc_sessionPassphrase2=abc'])(
    'finds nothing in %s',
    (cookies) => {
      expect(cookieValue(cookies, name)).toBeUndefined()
    },
  )
})
