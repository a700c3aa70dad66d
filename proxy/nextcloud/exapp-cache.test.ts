import { describe, expect, it } from 'vitest'
import { RouteTable } from '../routes/route-table.ts'
import { ExAppCache } from './exapp-cache.ts'
import type { ExApp } from './exapp.ts'

const routes = new RouteTable([])
const exApp = (id: string, version = '1'): ExApp => ({ id, token: '', version, host: '', port: 1, resolvedHost: '', routes, routeCount: 0 })

/** A cache before a Nextcloud that knows the given apps, with a clock that the test moves. */
function cacheOf(...known: ExApp[]) {
  const apps = new Map(known.map((app) => [app.id, app]))
  const asked: string[] = []
  const records: string[] = []
  const refreshErrors: string[] = []
  const full: string[] = []
  let fetch = async (appId: string): Promise<ExApp | undefined> => apps.get(appId)
  let time = 1_000_000
  const cache = new ExAppCache({
    fetch: (appId) => {
      asked.push(appId)
      return fetch(appId)
    },
    now: () => time,
    maxKnown: 3,
    maxUnknown: 3,
    onFull: (table) => void full.push(table),
    onRecord: ({ id, version }) => void records.push(`${id} ${version}`),
    onRefreshError: (appId, error) => void refreshErrors.push(`${appId}: ${String(error)}`),
  })
  return {
    cache,
    apps,
    asked,
    records,
    refreshErrors,
    full,
    advance: (milliseconds: number) => void (time += milliseconds),
    answerWith: (other: typeof fetch) => void (fetch = other),
    version: async (appId: string) => (await cache.find(appId))?.version,
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('ExAppCache', () => {
  it('makes one call of a hundred concurrent look-ups', async () => {
    const { cache, asked } = cacheOf(exApp('demo'))
    const found = await Promise.all(Array.from({ length: 100 }, async () => cache.find('demo')))
    expect([new Set(found).size, found[0]?.id, asked]).toEqual([1, 'demo', ['demo']])
  })

  it('answers from memory without waiting', async () => {
    const { cache, asked } = cacheOf(exApp('demo'))
    const first = await cache.find('demo')
    expect(cache.find('demo')).toBe(first)
    expect([asked, cache.size]).toEqual([['demo'], 1])
  })

  it('shares a failure among those who wait, and does not remember it', async () => {
    const { cache, asked, answerWith, apps } = cacheOf(exApp('demo'))
    answerWith(() => Promise.reject(new Error('down')))
    const results = await Promise.allSettled(Array.from({ length: 10 }, async () => cache.find('demo')))
    expect([results.every(({ status }) => status === 'rejected'), asked]).toEqual([true, ['demo']])
    answerWith(async (appId) => apps.get(appId))
    expect(await cache.find('demo')).toMatchObject({ id: 'demo' })
  })

  describe('for an app that is unknown', () => {
    it('does not ask again for 15 seconds', async () => {
      const { cache, asked, advance, apps } = cacheOf()
      expect(await cache.find('demo')).toBeUndefined()
      apps.set('demo', exApp('demo'))
      advance(15_000)
      expect(cache.find('demo')).toBeUndefined()
      expect(asked).toEqual(['demo'])
      advance(1)
      expect(await cache.find('demo')).toMatchObject({ id: 'demo' })
    })

    it('remembers that for each spelling alone, so that nobody can hide an app by another one', async () => {
      const { cache, asked } = cacheOf(exApp('Demo'))
      expect(await cache.find('demo')).toBeUndefined()
      expect(await cache.find('Demo')).toMatchObject({ id: 'Demo' })
      expect(await cache.find('demo')).toMatchObject({ id: 'Demo' })
      expect(asked).toEqual(['demo', 'Demo'])
    })

    it('does not forget what another spelling found at the same time', async () => {
      const { cache, asked } = cacheOf(exApp('Demo'))
      expect(await Promise.all([cache.find('Demo'), cache.find('demo')])).toMatchObject([{ id: 'Demo' }, undefined])
      expect(await cache.find('DEMO')).toMatchObject({ id: 'Demo' })
      expect(asked).toEqual(['Demo', 'demo'])
    })

    it('asks nothing about an id that is too long to be one', () => {
      const { cache, asked } = cacheOf()
      expect([cache.find('x'.repeat(129)), asked]).toEqual([undefined, []])
    })

    it('stays bounded, however many ids are made up', async () => {
      const { cache, asked } = cacheOf()
      for (let n = 0; n < 10_001; n++) await cache.find(`made-up-${n}`)
      asked.length = 0
      await cache.find('made-up-0') // the oldest one gave way
      await cache.find('made-up-10000')
      expect([asked, cache.size]).toEqual([['made-up-0'], 0])
    })
  })

  describe('for an app with capitals (AppAPI contract §13)', () => {
    it('asks with the spelling of the request first', async () => {
      const { cache, asked } = cacheOf(exApp('MyApp'))
      expect(await cache.find('MyApp')).toMatchObject({ id: 'MyApp' })
      expect(await cache.find('myapp')).toMatchObject({ id: 'MyApp' })
      expect(asked).toEqual(['MyApp'])
    })

    it('asks in lower case next', async () => {
      const { cache, asked } = cacheOf(exApp('myapp'))
      expect(await cache.find('MyApp')).toMatchObject({ id: 'myapp' })
      expect(asked).toEqual(['MyApp', 'myapp'])
    })

    it('refreshes with the spelling that Nextcloud knows', async () => {
      const { cache, asked, advance } = cacheOf(exApp('MyApp'))
      await cache.find('MyApp')
      advance(60_001)
      void cache.find('MYAPP')
      await settled()
      expect(asked).toEqual(['MyApp', 'MyApp'])
    })
  })

  describe('after a minute', () => {
    it('still answers at once, and asks once behind that', async () => {
      const { cache, apps, asked, advance, version, records } = cacheOf(exApp('demo', '1'))
      await cache.find('demo')
      apps.set('demo', exApp('demo', '2'))
      advance(60_000)
      expect(await version('demo')).toBe('1')
      expect(asked).toHaveLength(1)
      advance(1)
      expect(await Promise.all(Array.from({ length: 20 }, () => version('demo')))).toContain('1')
      await settled()
      expect([asked, await version('demo'), records]).toEqual([['demo', 'demo'], '2', ['demo 1', 'demo 2']])
    })

    it('keeps the record when Nextcloud cannot be asked, says so, and tries again a minute later', async () => {
      const { cache, asked, advance, answerWith, version, refreshErrors } = cacheOf(exApp('demo'))
      await cache.find('demo')
      answerWith(() => Promise.reject(new Error('down')))
      advance(60_001)
      void cache.find('demo')
      await settled()
      expect([await version('demo'), refreshErrors, asked.length]).toEqual(['1', ['demo: Error: down'], 2])
      advance(60_001)
      void cache.find('demo')
      await settled()
      expect([refreshErrors.length, asked.length]).toEqual([2, 3])
    })

    it('forgets an app that Nextcloud no longer knows', async () => {
      const { cache, apps, advance } = cacheOf(exApp('demo'))
      await cache.find('demo')
      apps.clear()
      advance(60_001)
      expect(cache.find('demo')).toMatchObject({ id: 'demo' })
      await settled()
      expect([cache.find('demo'), cache.size]).toEqual([undefined, 0])
    })
  })

  describe('when AppAPI pushes', () => {
    it('believes the push, also after "unknown"', async () => {
      const { cache, asked } = cacheOf()
      await cache.find('demo')
      cache.store(exApp('demo', 'pushed'))
      expect(cache.find('demo')).toMatchObject({ version: 'pushed' })
      expect(asked).toEqual(['demo'])
    })

    it('does not let an older look-up overwrite it, whatever that finds (Q14)', async () => {
      for (const late of [exApp('demo', 'old'), undefined]) {
        const { cache, answerWith, version, records } = cacheOf()
        const answer = Promise.withResolvers<ExApp | undefined>()
        answerWith(() => answer.promise)
        const waiting = cache.find('demo')
        cache.store(exApp('demo', 'pushed'))
        answer.resolve(late)
        expect(await waiting).toMatchObject({ version: 'pushed' })
        expect([await version('demo'), records]).toEqual(['pushed', ['demo pushed']])
      }
    })

    it('does not let an older look-up bring back what was deleted', async () => {
      const { cache, answerWith, asked } = cacheOf()
      const answer = Promise.withResolvers<ExApp | undefined>()
      answerWith(() => answer.promise)
      const waiting = cache.find('demo')
      expect(cache.forget('demo')).toBe(false)
      answer.resolve(exApp('demo', 'old'))
      await waiting
      expect(cache.size).toBe(0)
      answerWith(async () => undefined)
      expect(await cache.find('demo')).toBeUndefined()
      expect(asked).toEqual(['demo', 'demo'])
    })

    it('asks anew while the look-up from before is still under way', async () => {
      const { cache, answerWith, version } = cacheOf()
      const slow = Promise.withResolvers<ExApp | undefined>()
      answerWith(() => slow.promise)
      const waiting = cache.find('demo')
      cache.forget('demo')
      answerWith(async () => exApp('demo', 'new'))
      expect(await version('demo')).toBe('new')
      slow.resolve(exApp('demo', 'old'))
      await waiting
      expect(await version('demo')).toBe('new')
    })

    it('forgets a record whatever the case of the id, and "unknown" with it', async () => {
      const { cache, apps, version } = cacheOf(exApp('MyApp', '1'))
      await cache.find('MyApp')
      expect(cache.forget('myapp')).toBe(true)
      expect(cache.forget('MyApp')).toBe(false)
      apps.clear()
      expect(await version('MyApp')).toBeUndefined()
      apps.set('MyApp', exApp('MyApp', '2'))
      cache.forget('MYAPP')
      expect(await version('MyApp')).toBe('2')
    })

    it('holds a bounded number of records, and says when it forgets one for another', async () => {
      const { cache, full, asked } = cacheOf(exApp('app-0'))
      for (let n = 0; n < 4; n++) cache.store(exApp(`app-${n}`))
      expect([cache.size, full]).toEqual([3, ['known']])
      await cache.find('app-0')
      expect(asked).toEqual(['app-0'])
    })

    it('remembers a bounded number of ids that are nobody’s', async () => {
      const { cache, full, asked } = cacheOf()
      for (const id of ['a', 'b', 'c', 'd', 'd', 'a']) await cache.find(id)
      expect([asked, full]).toEqual([['a', 'b', 'c', 'd', 'a'], ['unknown', 'unknown']])
    })
  })

  it('asks anew when a decision must not rest on an old record, and falls back to it while Nextcloud is away', async () => {
    const { cache, apps, answerWith } = cacheOf(exApp('app', '1'))
    await cache.find('app')
    apps.set('app', exApp('app', '2'))
    expect((await cache.findFresh('app'))?.version).toBe('2')
    answerWith(() => Promise.reject(new Error('away')))
    expect((await cache.findFresh('app'))?.version).toBe('2')
    await expect(cache.findFresh('other')).rejects.toThrow('away')
  })
})
