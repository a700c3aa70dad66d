import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedKey } from '../support/data-plane.ts'
import { send, sendForAnswer, statusOf } from '../support/send.ts'
import { demoApp, freshClient, setStage, type Stage } from '../request/stage.ts'

describe('who reaches the control API', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const record = (): string => {
    const { appId: _id, ...body } = demoApp(stage.exApp.port ?? 0)
    return JSON.stringify({ ...body, host: '127.0.0.1' })
  }

  it.each(['/heartbeat', '/info', '/exapp_storage/demo', '/unknown', '', '/_ping', '/v1.44/containers/create'])(
    'is nobody without the right key: 401 for %j',
    async (path) => {
      for (const headers of [
        {},
        { 'harp-shared-key': '' },
        { 'harp-shared-key': 'wrong' },
        { authorization: `Basic ${Buffer.from(`app_api_haproxy_user:${sharedKey}`).toString('base64')}` },
      ]) {
        const answer = await sendForAnswer({
          port: stage.port,
          path: `/exapps/app_api${path}`,
          headers,
          from: freshClient(),
        })
        expect(answer).toMatchObject({
          status: 401,
          text: '401 Unauthorized',
          headers: { 'content-type': 'text/plain; charset=utf-8' },
        })
      }
    },
  )

  it('changes nothing for a caller without the key', async () => {
    const push = {
      port: stage.port,
      path: '/exapps/app_api/exapp_storage/pushed-by-nobody',
      method: 'POST',
      body: record(),
      from: freshClient(),
    }
    expect(await statusOf(push)).toBe(401)
    expect(await statusOf({ port: stage.port, path: '/exapps/pushed-by-nobody/public', from: freshClient() })).toBe(404)
  })

  it('counts wrong keys towards a ban, which the right key passes', async () => {
    const from = freshClient()
    const call = (key: string) =>
      send({ port: stage.port, path: '/exapps/app_api/info', headers: { 'harp-shared-key': key }, from })
    for (let tries = 0; tries < 10; tries += 1) expect(await call('wrong')).toMatchObject({ status: 401 })
    expect(await call('wrong')).toBe('dropped')
    expect(await call(sharedKey)).toMatchObject({ status: 200 })
  })

  it.each([
    '/heartbeat',
    '/info',
    '/exapp_storage/demo',
    '/exapps/App_Api/info',
    '/exapps/app%5fapi/info',
    '/exapps/app_api%2finfo',
    '/x/exapps/app_api/info',
  ])('is not at %s, even with the key', async (path) => {
    expect(
      await statusOf({ port: stage.port, path, headers: { 'harp-shared-key': sharedKey }, from: freshClient() }),
    ).toBe(404)
  })

  it('is not on the admin port', async () => {
    const call = { port: stage.plane.ports.admin, headers: { 'harp-shared-key': sharedKey } }
    expect(await statusOf({ ...call, path: '/exapps/app_api/info' })).toBe(404)
    expect(await statusOf({ ...call, path: '/exapp_storage/demo', method: 'DELETE' })).toBe(404)
  })

  it('upgrades no connection', async () => {
    for (const path of ['/info', '/_ping', '/containers/nc_app_x/json']) {
      const headers = {
        'harp-shared-key': sharedKey,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AQIDBAUGBwgJCgsMDQ4PEA==',
      }
      expect(await sendForAnswer({ port: stage.port, path: `/exapps/app_api${path}`, headers })).toMatchObject({
        status: 400,
      })
    }
  })
})
