import { describe, expect, it } from 'vitest'
import type { User, VisitorCredentials } from './client.ts'
import { SessionCache } from './session-cache.ts'

const visitor = (more: Partial<VisitorCredentials> = {}): VisitorCredentials => ({
  cookies: 'oc_sessionPassphrase=s',
  authorization: undefined,
  userAgent: 'Browser',
  clientAddress: '1.2.3.4',
  ...more,
})

function cacheOf(lifetimeMs = 3000) {
  const asked: string[] = []
  const full = { times: 0 }
  let time = 1_000_000
  let answer: () => Promise<User & { cacheable: boolean }> = async () => ({ id: `usr${asked.length}`, level: 1, cacheable: true })
  const cache = new SessionCache({
    lifetimeMs,
    maxSessions: 3,
    onFull: () => void (full.times += 1),
    now: () => time,
    fetch: (appId, { cookies, authorization }) => {
      asked.push(`${appId} ${cookies} ${authorization}`)
      return answer()
    },
  })
  return { cache, asked, full, advance: (milliseconds: number) => void (time += milliseconds), answerWith: (other: typeof answer) => void (answer = other) }
}

describe('SessionCache', () => {
  it('makes one call of a hundred concurrent requests of one visitor, whatever the app', async () => {
    const { cache, asked } = cacheOf()
    const users = await Promise.all(Array.from({ length: 100 }, async (_, n) => cache.find(`app${n % 2}`, visitor(), true)))
    expect([asked.length, new Set(users.map(({ id }) => id)).size]).toEqual([1, 1])
  })

  it('believes an answer for the lifetime, counted from the look-up, and not longer for being asked', async () => {
    const { cache, asked, advance } = cacheOf(3000)
    const user = await cache.find('demo', visitor(), true)
    expect(user).toEqual({ id: 'usr1', level: 1 })
    advance(2000)
    expect(cache.find('demo', visitor(), true)).toEqual(user)
    advance(1000)
    expect(cache.find('demo', visitor(), true)).toEqual(user)
    advance(1)
    expect(await cache.find('demo', visitor(), true)).toEqual({ id: 'usr2', level: 1 })
    expect(asked).toHaveLength(2)
  })

  it('asks each time when the lifetime is 0, concurrent requests together', async () => {
    const { cache, asked } = cacheOf(0)
    await Promise.all([cache.find('demo', visitor(), true), cache.find('demo', visitor(), true)])
    await cache.find('demo', visitor(), true)
    expect([asked.length, cache.size]).toEqual([2, 0])
  })

  it.each<[string, Partial<VisitorCredentials>]>([
    ['another session', { cookies: 'oc_sessionPassphrase=t' }],
    ['another cookie beside it', { cookies: 'oc_sessionPassphrase=s; instance=other' }],
    ['an Authorization header', { authorization: 'Basic x' }],
  ])('Q16: takes %s for another visitor', async (_what, more) => {
    const { cache, asked } = cacheOf()
    await Promise.all([cache.find('demo', visitor(), true), cache.find('demo', visitor(more), true)])
    await cache.find('demo', visitor(), true)
    await cache.find('demo', visitor(more), true)
    expect([asked.length, cache.size]).toEqual([2, 2])
  })

  it('cannot be made to confuse cookies with an Authorization header', async () => {
    const { cache, asked } = cacheOf()
    await cache.find('demo', visitor({ cookies: 'a', authorization: 'b' }), true)
    await cache.find('demo', visitor({ cookies: 'a","b', authorization: undefined }), true)
    await cache.find('demo', visitor({ cookies: undefined, authorization: 'a' }), true)
    expect(asked).toHaveLength(3)
  })

  it('does not mind another browser name or address', async () => {
    const { cache, asked } = cacheOf()
    await cache.find('demo', visitor(), true)
    await cache.find('demo', visitor({ userAgent: 'Other', clientAddress: '5.6.7.8' }), true)
    expect(asked).toHaveLength(1)
  })

  it('never remembers a visitor with a password alone', async () => {
    const { cache, asked } = cacheOf()
    for (let n = 0; n < 3; n++) await cache.find('demo', visitor({ cookies: undefined, authorization: 'Basic x' }), false)
    expect([asked.length, cache.size]).toEqual([3, 0])
  })

  it('remembers nobody as well, but not a refusal', async () => {
    const { cache, asked, answerWith } = cacheOf()
    answerWith(async () => ({ id: '', level: 0, cacheable: false }))
    expect(await cache.find('demo', visitor(), true)).toEqual({ id: '', level: 0 })
    answerWith(async () => ({ id: '', level: 0, cacheable: true }))
    await cache.find('demo', visitor(), true)
    await cache.find('demo', visitor(), true)
    expect(asked).toHaveLength(2)
  })

  it('shares a failure and does not remember it', async () => {
    const { cache, asked, answerWith } = cacheOf()
    answerWith(() => Promise.reject(new Error('down')))
    const results = await Promise.allSettled([cache.find('demo', visitor(), true), cache.find('demo', visitor(), true)])
    expect([results.map(({ status }) => status), asked.length]).toEqual([['rejected', 'rejected'], 1])
    answerWith(async () => ({ id: 'usr', level: 1, cacheable: true }))
    expect(await cache.find('demo', visitor(), true)).toEqual({ id: 'usr', level: 1 })
  })

  it('says how many visitors it remembers now', async () => {
    const { cache, advance } = cacheOf(3000)
    for (let n = 0; n < 3; n++) await cache.find('demo', visitor({ cookies: `oc_sessionPassphrase=${n}` }), true)
    expect(cache.size).toBe(3)
    advance(3001)
    expect(cache.size).toBe(0)
  })

  it('Q15: remembers a bounded number of visitors: the one idle longest is asked about again', async () => {
    const { cache, asked, full } = cacheOf()
    const find = async (cookies: string) => cache.find('demo', visitor({ cookies }), true)
    for (const cookies of ['a', 'b', 'c', 'a', 'd']) await find(cookies)
    expect([cache.size, full.times, asked.length]).toEqual([3, 1, 4])
    await find('a')
    expect(asked.length).toBe(4)
    await find('b')
    expect(asked.length).toBe(5)
  })
})
