import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendForAnswer } from '../support/send.ts'
import { EngineStage } from './engine-stage.ts'
import { type StandInEngine, startStandInEngine } from './stand-in-engine.ts'

describe('the header docker-engine-port', () => {
  let stage: EngineStage
  let engine: StandInEngine
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HP_TIMEOUT_CONNECT: '500ms' } })
    engine = await startStandInEngine(stage.socket('docker.sock'))
    stage.alsoClose(() => engine.close())
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  const dockerPaths = [
    '/_ping',
    '/v1.44/_ping',
    '/_ping?x=1',
    '/v1.44/images/a/b:c/json',
    '/v1.44/containers/nc_app_x/json',
    '/containers/nc_app_x/logs',
  ]

  it.each(dockerPaths)('may be missing or empty, and %s is then for the engine on 24000', async (path) => {
    const before = engine.requests.length
    expect(await stage.call({ path })).toMatchObject({ status: 200, text: 'OK' })
    expect(await stage.call({ path, engine: '' })).toMatchObject({ status: 200, text: 'OK' })
    expect(engine.requests.slice(before).map(({ url }) => url)).toEqual([path, path])
  })

  it('may be missing at a pull', async () => {
    expect(await stage.call({ method: 'POST', path: '/v1.44/images/create?fromImage=a' })).toMatchObject({
      status: 200,
    })
    expect(engine.requests.at(-1)).toMatchObject({ method: 'POST', url: '/v1.44/images/create?fromImage=a' })
  })

  it('opens nothing by its absence', async () => {
    const before = engine.requests.length
    for (const path of ['/v1.44/containers/json', '/v1.44/images/json', '/containers/other/json', '/images/search'])
      expect(await stage.call({ path })).toMatchObject({ status: 403 })
    for (const path of ['/v1.44/volumes', '/version', '/events', '/_ping/x'])
      expect(await stage.call({ path })).toMatchObject({ status: 404, text: '404: Not Found' })
    expect(engine.requests.length).toBe(before)
  })

  it('is not needed for the control API, and does not turn its /docker paths into raw calls', async () => {
    const before = engine.requests.length
    expect(await stage.call({ path: '/info' })).toMatchObject({ status: 200 })
    expect(await stage.call({ path: '/info', engine: '' })).toMatchObject({ status: 200 })
    for (const engineHeader of ['24000', '24001', 'abc', ''])
      expect(await stage.call({ path: '/docker/no-such-call', engine: engineHeader, method: 'POST' })).toMatchObject({
        status: 404,
        text: '404: Not Found',
      })
    expect(engine.requests.length).toBe(before)
  })

  it.each([
    'abc',
    '24000x',
    'x24000',
    '24000.0',
    '-24000',
    '+24000',
    '0x5dc0',
    '24 000',
    '2400024000',
    '24000,24001',
    '１',
  ])('is answered with 503 and what would be right when it is %j', async (text) => {
    const answer = await stage.call({ path: '/_ping', engine: Buffer.from(text, 'utf8').toString('latin1') })
    expect(answer).toMatchObject({
      status: 503,
      text: expect.stringMatching(/^docker-engine-port is no port number; accepted: 24000 /),
    })
  })

  it.each(['0', '1', '80', '8200', '22999', '23000', '23999', '24100', '65535', '99999'])(
    'Q39: reaches nothing on port %s, which is no engine',
    async (engineHeader) => {
      const answer = await stage.call({ path: '/_ping', engine: engineHeader })
      expect(answer).toMatchObject({
        status: 503,
        text: expect.stringMatching(/^no Docker Engine has port \d+; engines are 24000 to 24099/),
      })
    },
  )

  it('counts in its last line when it is repeated', async () => {
    const ask = async (...engines: string[]): Promise<number> => {
      const headers = ['harp-shared-key', 'sk', ...engines.flatMap((value) => ['docker-engine-port', value])]
      return (await sendForAnswer({ port: stage.plane.ports.http, path: '/exapps/app_api/_ping', headers })).status
    }
    expect([await ask('abc', '24000'), await ask('24000', 'abc')]).toEqual([200, 503])
  })
})
