import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Answer, sendForAnswer, statusOf } from '../support/send.ts'
import { setStage, type Stage } from '../request/stage.ts'
import { callApi } from './call.ts'

describe('a look-up that is in flight', () => {
  let stage: Stage
  let release: () => void
  let visitor: Promise<Answer>

  beforeEach(async () => {
    stage = await setStage()
    stage.nextcloud.addExApp({
      appId: 'racer',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/old', access_level: 0 }],
    })
    const { promise: held, resolve } = Promise.withResolvers<void>()
    release = resolve
    stage.nextcloud.setFault('exapp-meta', { kind: 'hold', until: held }, 1)
    visitor = sendForAnswer({ port: stage.port, path: '/exapps/racer/old' })
    await vi.waitUntil(() => stage.nextcloud.count('exapp-meta') === 1)
  })
  afterEach(async () => {
    release()
    await stage.close()
  })

  const visit = (path: string) => statusOf({ port: stage.port, path: `/exapps/racer${path}` })
  const push = (routes: readonly object[]) => {
    const body = { exapp_token: 'new', exapp_version: '2.0.0', host: '127.0.0.1', port: stage.exApp.port, routes }
    return callApi(stage.port, '/exapp_storage/Racer', { method: 'POST', body: JSON.stringify(body) })
  }

  it('Q14: does not overwrite a newer push', async () => {
    expect((await push([{ url: '^/new', access_level: 0 }])).status).toBe(204)
    release()
    expect((await visitor).status).toBe(404) // decided by the newer record too
    expect([await visit('/new'), await visit('/old')]).toEqual([200, 404])
    expect(stage.nextcloud.count('exapp-meta')).toBe(1)
  })

  it('Q14: does not bring back a record that was deleted', async () => {
    expect((await callApi(stage.port, '/exapp_storage/racer', { method: 'DELETE' })).status).toBe(404)
    stage.nextcloud.addExApp({
      appId: 'racer',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/newer', access_level: 0 }],
    })
    release()
    await visitor
    expect([await visit('/newer'), await visit('/old')]).toEqual([200, 404])
    expect(stage.nextcloud.count('exapp-meta')).toBe(2)
  })

  it('does not outlive a push without routes, which asks anew', async () => {
    expect((await push([])).status).toBe(204)
    stage.nextcloud.addExApp({
      appId: 'racer',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/newer', access_level: 0 }],
    })
    release()
    await visitor
    expect([await visit('/newer'), await visit('/old')]).toEqual([200, 404])
  })

  it('does not hold up pushes, deletions or visitors of what was pushed', async () => {
    expect((await push([{ url: '^/new', access_level: 0 }])).status).toBe(204)
    expect(await visit('/new')).toBe(200)
    expect((await callApi(stage.port, '/exapp_storage/racer', { method: 'DELETE' })).status).toBe(204)
    expect(await visit('/old')).toBe(200) // asked anew, not attached to the look-up from before the push
    release()
    await visitor
    expect(await visit('/new')).toBe(404)
  })

  it('is not remembered as "not found" when a push came meanwhile', async () => {
    stage.nextcloud.removeExApp('racer')
    expect((await push([{ url: '^/new', access_level: 0 }])).status).toBe(204)
    release()
    await visitor
    expect(await visit('/new')).toBe(200)
  })
})
