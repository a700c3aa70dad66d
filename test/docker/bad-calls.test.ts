import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodies, fields, hostileNames, own } from './bad-calls.ts'
import { endpoints, exAppCall } from './exapp-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type ScriptedEngine, startScriptedEngine } from './scripted-engine.ts'

describe('a call that makes no sense', () => {
  let stage: EngineStage
  let engine: ScriptedEngine
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HP_TIMEOUT_CONNECT: '500ms' } })
    engine = await startScriptedEngine(stage)
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  for (const endpoint of endpoints) {
    it.each(bodies)(`to ${endpoint} with %s is refused with 400`, async (_what, body, answer) => {
      engine.say({})
      const given = await exAppCall(stage, endpoint, body)
      expect(given).toMatchObject({ status: 400, text: expect.stringMatching(answer), headers: { 'content-type': 'text/plain; charset=utf-8' } })
      expect(engine.asked).toEqual([])
    })

    it.each([
      ['none', /^Missing 'docker-engine-port' header\.$/],
      ['abc', /^Invalid 'docker-engine-port' header value: abc$/],
      ['0', /^Invalid 'docker-engine-port' header value: 0$/],
      ['65536', /^Invalid 'docker-engine-port' header value: 65536$/],
      ['-1', /^Invalid 'docker-engine-port' header value: -1$/],
      ['24000.5', /^Invalid 'docker-engine-port' header value: 24000\.5$/],
    ])(`to ${endpoint} for the engine %s is refused with 400`, async (header, answer) => {
      engine.say({})
      expect(await exAppCall(stage, endpoint, own, { engine: header })).toMatchObject({ status: 400, text: expect.stringMatching(answer) })
      expect(engine.asked).toEqual([])
    })

    it.each(['1', '8780', '23000', '23999', '24001', '24099', '24100', '65535'])(`to ${endpoint} for port %s finds no engine: 503`, async (header) => {
      const given = await exAppCall(stage, endpoint, own, { engine: header })
      expect(given).toMatchObject({ status: 503, text: expect.stringMatching(new RegExp(`^Could not connect to Docker Engine on port ${header}`)) })
    })

    it.each(['GET', 'PUT', 'DELETE', 'PATCH'])(`to ${endpoint} with %s is refused with 405`, async (method) => {
      engine.say({})
      const given = await stage.call({ method, path: `/docker/exapp/${endpoint}`, engine: '24000' })
      expect(given).toMatchObject({ status: 405, text: '405: Method Not Allowed', headers: { allow: 'POST' } })
      expect(engine.asked).toEqual([])
    })

    it(`to ${endpoint} without the key is refused with 401, and nothing is asked`, async () => {
      engine.say({})
      expect(await exAppCall(stage, endpoint, own, { 'harp-shared-key': 'wrong' })).toMatchObject({ status: 401, text: '401 Unauthorized' })
      expect(engine.asked).toEqual([])
    })
  }

  it.each(fields)('to %s with %j is refused with 400 and the field’s name', async (endpoint, change, answer) => {
    engine.say({})
    const given = await exAppCall(stage, endpoint, { ...own, ...change })
    expect(given).toMatchObject({ status: 400, text: expect.stringMatching(new RegExp(`^Payload validation error: .*${answer.source}`)) })
    expect(engine.asked).toEqual([])
  })

  it.each(hostileNames)('about the ExApp %j is refused with 400 everywhere', async (name) => {
    engine.say({})
    for (const endpoint of endpoints.filter((each) => each !== 'image_remove')) {
      expect(await exAppCall(stage, endpoint, { ...own, name })).toMatchObject({ status: 400, text: expect.stringMatching(/^Payload validation error: name/) })
    }
    expect(engine.asked).toEqual([])
  })

  it.each(endpoints.filter((endpoint) => endpoint !== 'install_certificates'))('to %s with more than 1 MiB is refused with 413', async (endpoint) => {
    engine.say({})
    const given = await exAppCall(stage, endpoint, { ...own, more: 'x'.repeat(1024 * 1024) })
    expect(given).toMatchObject({ status: 413 })
    expect(engine.asked).toEqual([])
  })

  it('to install certificates may have some MiB, but not everything', async () => {
    engine.say({})
    const bundle = (bytes: number) => ({ ...own, system_certs_bundle: 'x'.repeat(bytes) })
    expect(await exAppCall(stage, 'install_certificates', bundle(4 * 1024 * 1024))).toMatchObject({ status: 404, text: "Container 'nc_app_x' not found." })
    expect(await exAppCall(stage, 'install_certificates', bundle(64 * 1024 * 1024)).catch(() => ({ status: 413 }))).toMatchObject({ status: 413 })
  })

  it('to an endpoint that does not exist gets 404', async () => {
    engine.say({})
    for (const path of ['/docker/exapp', '/docker/exapp/', '/docker/exapp/exec', '/docker/exapp/create/x', '/docker/exapp/CREATE', '/docker/']) {
      expect(await stage.call({ method: 'POST', path, engine: '24000', body: Buffer.from(JSON.stringify(own)) })).toMatchObject({ status: 404, text: '404: Not Found' })
    }
    expect(engine.asked).toEqual([])
  })

  it('does not show secrets in its refusal or in the log', async () => {
    const secret = 'very-secret-value'
    const given = await exAppCall(stage, 'create', { ...own, environment_variables: [`APP_SECRET=${secret}`, { [secret]: secret }], network_mode: `${secret}/` })
    expect(given.status).toBe(400)
    expect(given.text).not.toContain(secret)
    const broken = await exAppCall(stage, 'create', `{"environment_variables":["APP_SECRET=${secret}"`)
    expect([broken.status, broken.text.includes(secret)]).toEqual([400, false])
    expect(stage.plane.logText()).not.toContain(secret)
  })
})
