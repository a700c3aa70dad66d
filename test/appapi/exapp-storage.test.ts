import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { statusOf } from '../support/send.ts'
import { setStage, type Stage, userCookie } from '../request/stage.ts'
import { callApi, phpJson } from './call.ts'

describe('records that AppAPI pushes', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await setStage()
    stage.nextcloud.removeExApp('demo') // what Nextcloud would answer must not hide what was pushed
  })
  afterEach(() => stage.close())

  const record = (more: object = {}): object => ({
    exapp_token: 'pushed-token',
    exapp_version: '7.0.0',
    host: '127.0.0.1',
    port: stage.exApp.port,
    routes: [{ url: '^/pushed', verb: 'GET', access_level: 0, headers_to_exclude: [], bruteforce_protection: [] }],
    ...more,
  })
  const push = (
    appId: string,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => callApi(stage.port, `/exapp_storage/${appId}`, { method: 'POST', body, headers })
  const forget = (appId: string) => callApi(stage.port, `/exapp_storage/${appId}`, { method: 'DELETE' })
  const visit = (path: string, headers: Record<string, string> = {}) =>
    statusOf({ port: stage.port, path: `/exapps/${path}`, headers })

  it('decide about visitors at once', async () => {
    expect(await visit('demo/pushed')).toBe(404) // and is now remembered as unknown
    const answer = await push('demo', JSON.stringify(record()))
    expect(answer).toMatchObject({ status: 204, text: '' })
    expect([
      answer.headers['content-type'],
      answer.headers['content-length'],
      answer.headers['transfer-encoding'],
    ]).toEqual([undefined, undefined, undefined])
    stage.nextcloud.clearCalls()
    expect([await visit('demo/pushed'), await visit('demo/other')]).toEqual([200, 404])
    expect(stage.nextcloud.count('exapp-meta')).toBe(0)
    expect(stage.exApp.requests.at(-1)?.url).toBe('/pushed')
  })

  it('replace the one before', async () => {
    await push('demo', JSON.stringify(record()))
    await push('demo', JSON.stringify(record({ routes: [{ url: '^/pushed', access_level: 1 }] })))
    stage.nextcloud.addExApp({ appId: 'demo', port: 1 }) // it tells who a visitor is only for apps that it knows
    expect([await visit('demo/pushed'), await visit('demo/pushed', { cookie: userCookie })]).toEqual([403, 200])
  })

  it('are not believed when they have no routes: Nextcloud is asked', async () => {
    await push('demo', JSON.stringify(record()))
    stage.nextcloud.addExApp({
      appId: 'demo',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/of-nextcloud', access_level: 0 }],
    })
    expect([await visit('demo/pushed'), await visit('demo/of-nextcloud')]).toEqual([200, 404])
    stage.nextcloud.clearCalls()
    expect(await push('demo', JSON.stringify(record({ routes: [] })))).toMatchObject({ status: 204 })
    expect([await visit('demo/of-nextcloud'), await visit('demo/pushed')]).toEqual([200, 404])
    expect(stage.nextcloud.count('exapp-meta')).toBe(1)
  })

  it('are asked for by a push without routes, also when the app was unknown until now', async () => {
    expect(await visit('demo/of-nextcloud')).toBe(404)
    stage.nextcloud.addExApp({
      appId: 'demo',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/of-nextcloud', access_level: 0 }],
    })
    expect(await visit('demo/of-nextcloud')).toBe(404) // still remembered
    const { routes: _none, ...without } = { routes: [], ...record() }
    expect(await push('demo', JSON.stringify(without))).toMatchObject({ status: 204 })
    expect(await visit('demo/of-nextcloud')).toBe(200)
  })

  it('are forgotten on DELETE, and the next request asks Nextcloud', async () => {
    await push('demo', JSON.stringify(record()))
    expect(await forget('demo')).toMatchObject({ status: 204, text: '' })
    stage.nextcloud.clearCalls()
    expect(await visit('demo/pushed')).toBe(404)
    expect(stage.nextcloud.count('exapp-meta')).toBe(1)
  })

  it('answer 404 to a DELETE when there is none, as also when it was only looked up and not found', async () => {
    expect(await forget('demo')).toMatchObject({
      status: 404,
      text: '404: Not Found',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
    await visit('demo/x')
    expect(await forget('demo')).toMatchObject({ status: 404 })
    await push('demo', JSON.stringify(record()))
    expect([(await forget('demo')).status, (await forget('demo')).status]).toEqual([204, 404])
  })

  it('let a DELETE clear "not found", so that an app is seen as soon as it is registered', async () => {
    expect(await visit('demo/of-nextcloud')).toBe(404)
    stage.nextcloud.addExApp({
      appId: 'demo',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/of-nextcloud', access_level: 0 }],
    })
    await forget('demo')
    expect(await visit('demo/of-nextcloud')).toBe(200)
  })

  it('are one record whatever the case of the id', async () => {
    expect(await push('My_App', JSON.stringify(record()))).toMatchObject({ status: 204 })
    expect([await visit('My_App/pushed'), await visit('my_app/pushed'), await visit('MY_APP/pushed')]).toEqual([
      200, 200, 200,
    ])
    expect((await forget('mY_aPP')).status).toBe(204)
    expect(await visit('My_App/pushed')).toBe(404)
  })

  it('keep the spelling that Nextcloud knows when it is asked again', async () => {
    await push('My_App', JSON.stringify(record()))
    stage.nextcloud.addExApp({
      appId: 'My_App',
      port: stage.exApp.port ?? 0,
      routes: [{ url: '^/of-nextcloud', access_level: 0 }],
    })
    stage.plane.advance(120_000)
    await visit('my_app/pushed')
    await expect.poll(() => visit('my_app/of-nextcloud')).toBe(200)
  })

  it('may be written as PHP does, with escaped slashes and characters', async () => {
    const body = phpJson(
      record({ exapp_token: 'tökén-😀/', routes: [{ url: '^/püshed/', access_level: 0, ünknown: '😀' }] }),
    )
    expect(body).toMatch(/^\p{ASCII}*$/u)
    expect(body).toContain(String.raw`t\u00f6k\u00e9n-\ud83d\ude00\/`)
    expect(await push('demo', body)).toMatchObject({ status: 204 })
    await push('demo', phpJson(record({ exapp_token: 'tökén-😀/' })))
    expect(await visit('demo/pushed')).toBe(200)
    const { rawHeaders = [] } = stage.exApp.requests.at(-1) ?? {}
    expect(rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization-app-api') + 1]).toBe(
      Buffer.from(':tökén-😀/').toString('base64'),
    )
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'not a media type',
    '/',
    '',
  ])('count whatever Content-Type they come with: %j', async (type) => {
    expect(await push('demo', JSON.stringify(record()), { 'content-type': type })).toMatchObject({ status: 204 })
    expect(await visit('demo/pushed')).toBe(200)
  })

  it('count without any Content-Type, and with fields that nobody knows yet', async () => {
    expect(await push('demo', JSON.stringify(record({ from_the_future: { a: [1] } })), {})).toMatchObject({
      status: 204,
    })
    expect(await visit('demo/pushed')).toBe(200)
  })

  it('may have numbers as texts, as some databases give them', async () => {
    stage.nextcloud.addExApp({ appId: 'demo', port: 1 })
    const routes = [{ url: '^/pushed', access_level: '1', bruteforce_protection: ['401', 404] }]
    expect(await push('demo', JSON.stringify(record({ port: String(stage.exApp.port), routes })))).toMatchObject({
      status: 204,
    })
    expect([await visit('demo/pushed'), await visit('demo/pushed', { cookie: userCookie })]).toEqual([403, 200])
  })
})
