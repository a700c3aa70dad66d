import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Stage, setStage } from '../request/stage.ts'
import type { Environment } from '../../proxy/config.ts'
import { sharedKey } from '../support/data-plane.ts'
import { send, statusOf } from '../support/send.ts'

describe('what Nextcloud is asked', () => {
  let stage: Stage
  const start = async (environment?: Environment) => {
    stage = await setStage(environment)
    stage.nextcloud.setSession('new-session', 'usr')
  }
  beforeEach(() => start())
  afterEach(() => stage.close())

  const visit = (path = '/exapps/demo/user', headers: Record<string, string> = { cookie: 'oc_sessionPassphrase=new-session' }) =>
    statusOf({ port: stage.port, path, headers })
  const calls = () => ({ records: stage.nextcloud.count('exapp-meta'), visitors: stage.nextcloud.count('user-info') })

  it('is one question about the ExApp and one about the visitor when 50 requests of a new session come at once', async () => {
    const release = Promise.withResolvers<void>()
    stage.nextcloud.setFault('user-info', { kind: 'hold', until: release.promise })
    const answers = Array.from({ length: 50 }, () => visit())
    await expect.poll(calls).toEqual({ records: 1, visitors: 1 })
    release.resolve()
    expect(await Promise.all(answers)).toEqual(Array(50).fill(200))
    expect(calls()).toEqual({ records: 1, visitors: 1 })
  })

  it('is nothing about visitors without credentials, nor about paths that are refused anyway', async () => {
    expect(await visit('/exapps/demo/public', {})).toBe(200)
    expect(await visit('/exapps/demo/user', { cookie: 'theme=dark' })).toBe(403)
    expect(await visit('/exapps/demo/heartbeat')).toBe('dropped')
    expect(await visit('/exapps/demo/../x')).toBe('dropped')
    expect(calls()).toEqual({ records: 1, visitors: 0 })
  })

  it('Q16: is asked again after the lifetime, so that a logout is seen', async () => {
    expect(await visit()).toBe(200)
    stage.nextcloud.endSession('new-session')
    stage.plane.advance(2_000)
    expect([await visit(), calls().visitors]).toEqual([200, 1])
    stage.plane.advance(1_500)
    expect([await visit(), calls().visitors]).toEqual([403, 2])
  })

  it('is asked each time with HP_SESSION_LIFETIME=0, so that a logout is seen at once', async () => {
    await stage.close()
    await start({ HP_SESSION_LIFETIME: '0' })
    expect([await visit(), await visit(), await visit()]).toEqual([200, 200, 200])
    expect(calls()).toEqual({ records: 1, visitors: 3 })
    stage.nextcloud.endSession('new-session')
    expect(await visit()).toBe(403)
  })

  it('is asked each time about a password without a session', async () => {
    const headers = { authorization: `Basic ${Buffer.from('usr:usr').toString('base64')}` }
    expect([await visit(undefined, headers), await visit(undefined, headers)]).toEqual([200, 200])
    expect(calls().visitors).toBe(2)
  })

  it('does not take one visitor for another who shares the session cookie but no other', async () => {
    expect(await visit()).toBe(200)
    expect(await visit(undefined, { cookie: 'oc_sessionPassphrase=new-session; ocinstance=other' })).toBe(200)
    expect(calls().visitors).toBe(2)
  })

  it('never is a visitor of an app that it has not confirmed, which would count as an attack there', async () => {
    const cookie = { cookie: 'oc_sessionPassphrase=new-session' }
    expect(await visit('/exapps/unknown/user', cookie)).toBe(404)
    stage.nextcloud.setFault('exapp-meta', { kind: 'answer', status: 500 })
    expect(await visit('/exapps/broken/user', cookie)).toBe(404)
    stage.nextcloud.clearFaults()
    expect([calls().visitors, stage.nextcloud.throttledAttempts]).toEqual([0, 0])
  })

  it('asks about an unknown app once in 15 seconds', async () => {
    for (let n = 0; n < 5; n++) expect(await visit('/exapps/unknown/x', {})).toBe(404)
    expect(calls().records).toBe(1)
    stage.nextcloud.addExApp({ appId: 'unknown', port: stage.exApp.port ?? 0, routes: [{ url: '.*', access_level: 0 }] })
    stage.plane.advance(15_500)
    expect([await visit('/exapps/unknown/x', {}), calls().records]).toEqual([200, 2])
  })

  it('Q13: shows a changed record a minute later without a push, and at once with one', async () => {
    const { nextcloud, port, exApp } = stage
    const app = (level: 0 | 1) => ({ appId: 'changing', port: exApp.port ?? 0, routes: [{ url: '/', access_level: level }] })
    nextcloud.addExApp(app(0))
    expect(await visit('/exapps/changing/x', {})).toBe(200)
    nextcloud.addExApp(app(1))
    stage.plane.advance(61_000)
    await visit('/exapps/changing/x', {}) // still the old record, refreshed behind it
    await expect.poll(() => visit('/exapps/changing/x', {})).toBe(403)
    const pushed = { exapp_token: 't', exapp_version: '1', host: '127.0.0.1', port: exApp.port, routes: [{ url: '/', access_level: 0 }] }
    const push = { port, path: '/exapps/app_api/exapp_storage/changing', method: 'POST', headers: { 'harp-shared-key': sharedKey, 'content-type': 'application/json' }, body: JSON.stringify(pushed) }
    expect(await statusOf({ ...push, headers: { ...push.headers, 'content-length': String(push.body.length) } })).toBe(204)
    expect(await visit('/exapps/changing/x', {})).toBe(200)
  })

  it('keeps what it said while it is down', async () => {
    expect(await visit()).toBe(200)
    for (const endpoint of ['exapp-meta', 'user-info'] as const) stage.nextcloud.setFault(endpoint, { kind: 'reset' })
    stage.plane.advance(61_000)
    expect(await send({ port: stage.port, path: '/exapps/demo/public' })).toMatchObject({ status: 200 })
    expect(await visit()).toBe(401)
    await expect.poll(() => stage.plane.log.filter(({ msg }) => msg.startsWith('Nextcloud gives no usable answers')).length).toBeGreaterThan(0)
    stage.nextcloud.clearFaults()
    expect(await visit()).toBe(200)
  })
})
