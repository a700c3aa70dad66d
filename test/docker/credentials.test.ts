import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedKey } from '../support/data-plane.ts'
import { EngineStage } from './engine-stage.ts'
import { type StandInEngine, startStandInEngine } from './stand-in-engine.ts'

describe('what an engine gets to see', () => {
  let stage: EngineStage
  let engine: StandInEngine
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    engine = await startStandInEngine(stage.socket('docker.sock'))
    stage.alsoClose(() => engine.close())
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  const allowed = [
    ['GET', '/v1.44/_ping'],
    ['HEAD', '/_ping'],
    ['GET', '/v1.44/images/ghcr.io%2Fa/b:latest/json?x=%2F&y'],
    ['POST', '/v1.44/images/create?fromImage=ghcr.io%2Fa%3A1'],
    ['GET', '/v1.44/containers/nc_app_x/json'],
    ['GET', '/v1.44/containers/nc_app_x/logs?stdout=true&stderr=true&tail=all'],
  ] as const

  it.each(allowed)('is path and query byte for byte, and no credential: %s %s', async (method, path) => {
    const headers = {
      Authorization: `Basic ${Buffer.from(`app_api_haproxy_user:${sharedKey}`).toString('base64')}`,
      Cookie: 'oc_sessionPassphrase=secret; other=secret',
      'AUTHORIZATION-APP-API': 'secret',
      'EX-APP-ID': 'x',
      'EX-APP-VERSION': '1',
      'EX-APP-HOST': 'x',
      'EX-APP-PORT': '1',
      'AA-VERSION': '35',
      'Proxy-Authorization': 'secret',
      'User-Agent': 'GuzzleHttp/7',
      'X-Registry-Auth': 'for-the-registry',
      Connection: 'close',
    }
    expect(await stage.call({ method, path, engine: '24000', headers })).toMatchObject({ status: 200 })
    const { headers: seen, ...request } = engine.requests.at(-1) ?? { headers: {} }
    expect(request).toEqual({ method, url: path })
    const { host: _host, connection: _connection, ...rest } = seen
    expect(rest).toEqual({
      'user-agent': 'GuzzleHttp/7',
      'x-registry-auth': 'for-the-registry',
      ...(method === 'POST' ? { 'content-length': '0' } : {}),
    })
  })

  it.each([
    ['GET', '/v1.44/containers/json'],
    ['GET', '/v1.44/containers/other/json'],
    ['GET', '/v1.44/images/json'],
    ['GET', '/v1.44/info'],
    ['GET', '/version'],
    ['GET', '/info'],
    ['POST', '/v1.44/containers/create?name=nc_app_x'],
    ['POST', '/v1.44/containers/nc_app_x/start'],
    ['POST', '/v1.44/_ping'],
    ['DELETE', '/v1.44/containers/nc_app_x'],
    ['DELETE', '/v1.44/images/x/json'],
    ['GET', '/v1.44/images/a%252f..%252fb/json'],
    ['GET', '/v1.44/images/a%2/json'],
    ['GET', '/k8s/exapp/exists'],
    ['POST', '/exapp_storage/demo'],
  ])('is nothing of %s %s, not even a question whether it lives', async (method, path) => {
    const before = [engine.requests.length, engine.versionRequests]
    const answer = await stage.call({ method, path, engine: '24000' })
    expect(answer).toMatchObject({ status: 403, headers: { 'content-type': 'text/plain; charset=utf-8' } })
    expect(answer.text).toMatch(/^this Docker API call is not allowed; allowed: /)
    expect([engine.requests.length, engine.versionRequests]).toEqual(before)
  })

  it('is nothing at all of a caller without the key', async () => {
    const before = [engine.requests.length, engine.versionRequests]
    expect(
      await stage.call({ path: '/_ping', engine: '24000', headers: { 'harp-shared-key': 'wrong' } }),
    ).toMatchObject({ status: 401, text: '401 Unauthorized' })
    expect([engine.requests.length, engine.versionRequests]).toEqual(before)
  })

  it('keeps the key and the cookies out of the log too', () => {
    expect(stage.plane.logText()).not.toMatch(/=secret|"secret"|for-the-registry|"sk"|Basic /)
  })
})
