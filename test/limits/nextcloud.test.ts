import { afterEach, expect, it } from 'vitest'
import { demoApp, freshClient } from '../request/stage.ts'
import { send, sendForAnswer, statusOf } from '../support/send.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

describeLimits('what Nextcloud is asked and says', () => {
  let stage: LimitStage
  afterEach(() => stage.close())
  const askAs = (session: string, path = '/exapps/demo/user') => ({ port: stage.port, path, headers: { cookie: `oc_sessionPassphrase=${session}` }, from: freshClient() })

  it('is so many questions at once; a visitor about whom one more would be needed gets 503, or is nobody where that is enough', async () => {
    stage = await setLimitStage({}, { limits: { nextcloudCalls: 2 } })
    await stage.expectOthersServed() // its record is known from here on
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(200)
    stage.nextcloud.setFault('user-info', { kind: 'hang' })
    const asking = ['a', 'b'].map((session) => send(askAs(session)))
    await expect.poll(async () => (await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })).text).toContain('harpoon_nextcloud_calls_running 2\n')
    expect(await statusOf(askAs('c'))).toBe(503)
    expect(await statusOf(askAs('d', '/exapps/demo/public'))).toBe(200)
    expect(await statusOf({ port: stage.port, path: '/exapps/unknown/x', from: freshClient() })).toBe(503)
    expect(await stage.timesReached('nextcloud_calls')).toBe(3)
    await stage.expectOthersServed()
    stage.nextcloud.clearFaults()
    void asking
  })

  it('is an answer of a mebibyte at most', async () => {
    stage = await setLimitStage()
    stage.nextcloud.setFault('exapp-meta', { kind: 'answer', status: 200, contentType: 'application/json', body: `{"x":"${'x'.repeat(1024 ** 2)}"}` }, 1)
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(404)
    expect(await stage.timesReached('nextcloud_answer_bytes')).toBe(1)
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(200)
    await stage.expectOthersServed()
  })

  it('is remembered about so many visitors; the one idle longest is asked about again', async () => {
    stage = await setLimitStage({ HP_SESSION_LIFETIME: '10' }, { limits: { cachedSessions: 2 } })
    for (const session of ['a', 'b', 'c']) stage.nextcloud.setSession(session, 'usr')
    for (const session of ['a', 'b', 'a', 'c', 'a']) expect(await statusOf(askAs(session))).toBe(200)
    expect(await stage.timesReached('cached_sessions')).toBe(1)
    expect(await statusOf(askAs('b'))).toBe(200)
    expect(await stage.timesReached('cached_sessions')).toBe(2)
    await stage.expectOthersServed()
  })

  it('is remembered about so many ExApps, and so many ids that are none', async () => {
    stage = await setLimitStage({}, { limits: { cachedExApps: 2, unknownExApps: 2 } })
    for (const n of [1, 2, 3]) stage.nextcloud.addExApp({ ...demoApp(stage.exApp.port ?? 0), appId: `app${n}` })
    for (const n of [1, 2, 3, 1]) expect(await statusOf({ port: stage.port, path: `/exapps/app${n}/public`, from: freshClient() })).toBe(200)
    expect(await stage.timesReached('cached_exapps')).toBe(3) // the first to go was the other ExApp, whose claim was looked at
    for (const n of [1, 2, 3]) expect(await statusOf({ port: stage.port, path: `/exapps/none${n}/public`, from: freshClient() })).toBe(404)
    expect(await stage.timesReached('unknown_exapps')).toBe(1)
    await stage.expectOthersServed()
  })
})
