import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setStage, type Stage } from '../request/stage.ts'
import { callApi } from './call.ts'

describe('the control API', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const call = (method: string, path: string, body?: string) =>
    callApi(stage.port, path, { method, ...(body === undefined ? {} : { body }) })

  it.each([
    ['/heartbeat', { status: 'ok' }],
    ['/info', { version: '0.4.4', docker: true, kubernetes: { enabled: false } }],
    ['/info?with=query', { version: '0.4.4', docker: true, kubernetes: { enabled: false } }],
  ])('answers GET %s with JSON, and HEAD with the same head', async (path, expected) => {
    const get = await call('GET', path)
    expect(get).toMatchObject({ status: 200, headers: { 'content-type': 'application/json; charset=utf-8' } })
    expect(JSON.parse(get.text)).toEqual(expected)
    const head = await call('HEAD', path)
    expect(head).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': String(get.text.length) },
    })
  })

  it('does not ask Nextcloud for any of that', async () => {
    stage.nextcloud.clearCalls()
    await call('GET', '/heartbeat')
    await call('GET', '/info')
    expect(stage.nextcloud.calls).toEqual([])
  })

  it.each([
    ['/heartbeat', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'], 'GET, HEAD'],
    ['/info', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'], 'GET, HEAD'],
    ['/exapp_storage/demo', ['GET', 'HEAD', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'], 'POST, DELETE'],
  ])('answers 405 for other methods of %s and says which it takes', async (path, methods, allow) => {
    for (const method of methods) {
      const answer = await call(method, path)
      expect({ method, ...answer }).toMatchObject({
        method,
        status: 405,
        headers: { allow, 'content-type': 'text/plain; charset=utf-8' },
      })
      expect(answer.text).toBe(method === 'HEAD' ? '' : '405: Method Not Allowed')
    }
    expect(await call('PUT', path, '{}')).toMatchObject({ status: 405, headers: { allow } })
  })

  it.each([
    '',
    '/',
    '/unknown',
    '/Heartbeat',
    '/heartbeat/',
    '//heartbeat',
    '/heartbeat/x',
    '/info%2f',
    '/heartbeat%00',
    '/%zz',
    '/exapp_storage',
    '/exapp_storage/',
    '/exapp_storage/a/b',
    '/frp_handler',
    '/docker/unknown',
  ])('answers 404 to %j, whatever the method', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE', 'PROPFIND']) {
      expect(await call(method, path, method === 'POST' ? '{}' : undefined)).toMatchObject({
        status: 404,
        text: '404: Not Found',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
      })
    }
  })

  it('never sends the caller elsewhere', async () => {
    for (const path of ['/info/', '//info', '/info//', '/./info', '/exapp_storage//']) {
      const answer = await call('GET', path)
      expect([answer.status, answer.headers['location']]).toEqual([404, undefined])
    }
  })

  it('writes one line per call, with the reason where it was refused', async () => {
    const before = stage.plane.log.length
    await call('GET', '/heartbeat')
    await call('PUT', '/heartbeat')
    await call('GET', '/unknown')
    expect(
      stage.plane.log.slice(before).map(({ level, msg, app, status, path }) => ({ level, msg, app, status, path })),
    ).toEqual([
      { level: 'info', msg: 'forwarded', app: 'app_api', status: 200, path: '/exapps/app_api/heartbeat' },
      { level: 'warn', msg: '405: Method Not Allowed', app: 'app_api', status: 405, path: '/exapps/app_api/heartbeat' },
      { level: 'info', msg: '404: Not Found', app: 'app_api', status: 404, path: '/exapps/app_api/unknown' },
    ])
  })
})
