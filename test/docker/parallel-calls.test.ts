import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { exAppCall, type Endpoint } from './exapp-call.ts'
import type { EngineAnswer } from './engine-call.ts'
import { engineForLife, type LifeStage, setLifeStage, ways } from './life-stage.ts'

const TIMEOUT_MS = 120_000

/** A call that waited for another would need that one's 30 s. */
const AT_ONCE_MS = 10_000

describeWithPeer('calls that come at the same time', engineForLife, ({ current }) => {
  for (const way of ways) {
    describe(`through ${way}`, () => {
      let life: LifeStage
      let image: string
      beforeAll(async () => {
        life = await setLifeStage(current(), { way, tls: false })
        image = await life.run.images.make('alpine-like')
      })
      afterAll(() => life?.[Symbol.asyncDispose]())

      const call = (endpoint: Endpoint, name: string, fields: object = {}): Promise<EngineAnswer> => {
        const environment = ['APP_HOST=127.0.0.1', 'APP_PORT=0']
        const body = { name: life.run.appId(name), instance_id: '', image_id: image, network_mode: 'host', environment_variables: environment, ...fields }
        return exAppCall(life.stage, endpoint, body, { engine: life.enginePort })
      }
      const statuses = (answers: readonly EngineAnswer[]): readonly number[] => answers.map(({ status }) => status).toSorted((one, other) => one - other)

      it('for one ExApp leave it in one of the states that one after the other would', async () => {
        const name = `crowd-${life.enginePort}`
        const crowd: readonly Endpoint[] = ['create', 'start', 'stop', 'remove', 'exists', 'wait_for_start', 'install_certificates']
        for (let round = 0; round < 3; round += 1) {
          const answers = await Promise.all(crowd.map((endpoint) => call(endpoint, name)))
          for (const { status, text } of answers) expect(`${status} ${text}`).toMatch(/^(200|201|204|404|409) /)
          const { exists } = JSON.parse((await call('exists', name)).text) as { exists: boolean }
          const removed = await call('remove', name, { remove_data: true })
          expect([exists, removed.status]).toEqual([expect.any(Boolean), 204])
          expect(await life.engine.docker(['ps', '--all', '--quiet', '--filter', `name=${life.run.appId(name)}`])).toBe('')
        }
      }, TIMEOUT_MS)

      it('to create one ExApp make one container', async () => {
        const name = `one-${life.enginePort}`
        expect(statuses(await Promise.all([1, 2, 3, 4].map(() => call('create', name))))).toEqual([201, 409, 409, 409])
        expect(statuses(await Promise.all([1, 2, 3].map(() => call('start', name))))).toEqual([200, 200, 204])
        expect(statuses(await Promise.all([1, 2, 3].map(() => call('stop', name))))).toEqual([200, 200, 204])
        expect(statuses(await Promise.all([1, 2, 3].map(() => call('remove', name))))).toEqual([204, 204, 204])
      }, TIMEOUT_MS)

      it('for different ExApps do not wait for each other', async () => {
        const [slow, quick] = [`slow-${life.enginePort}`, `quick-${life.enginePort}`]
        await Promise.all([call('create', slow), call('create', quick)])
        life.proxy.break({ method: 'POST', path: new RegExp(`${life.run.appId(slow)}/start$`), fault: { kind: 'stalls' } })
        const stalled = call('start', slow)
        await expect.poll(() => life.proxy.allMet).toBe(true)
        const began = performance.now()
        expect((await call('start', quick)).status).toBe(204)
        expect((await call('wait_for_start', quick)).status).toBe(200)
        expect((await call('exists', slow)).status).toBe(200) // a look waits for nobody, not even at the same ExApp
        expect(performance.now() - began).toBeLessThan(AT_ONCE_MS)
        await life.proxy.heal()
        expect((await stalled).status).toBe(503)
        expect((await call('start', slow)).status).toBe(204)
      }, TIMEOUT_MS)

      it('install many ExApps at once', async () => {
        const manifests = await Promise.all(
          ['a', 'b', 'c', 'd'].map((name) => life.manifest('alpine-like', `many-${name}-${life.enginePort}`, { environment: { INIT_STEP: 'none' } })),
        )
        await Promise.all(manifests.map((manifest) => life.appApi.register(manifest)))
        for (const { appId } of manifests) {
          const { port } = life.appApi.row(appId)
          expect(JSON.parse(await life.inspect(appId, '{{json .Config.Env}}'))).toContain(`APP_PORT=${port}`)
          const answer = await fetch(`${life.stage.plane.url}/exapps/${appId}/public`)
          expect(answer.status).toBe(200)
        }
        await Promise.all(manifests.map(({ appId }) => life.appApi.unregister(appId, { removeData: true })))
      }, TIMEOUT_MS)
    })
  }

  it('for different engines do not wait for each other', async () => {
    await using life = await setLifeStage(current(), { tls: false })
    await life.stage.connectEngine({ version: '0.61.1', remotePort: 24_002, socketPath: life.engine.socketPath })
    const body = { name: life.run.appId('two-engines'), instance_id: '', image_id: await life.run.images.make('no-shell'), network_mode: 'host' }
    life.proxy.break({ method: 'POST', path: /./, every: true, fault: { kind: 'stalls' } })
    const stalled = exAppCall(life.stage, 'create', body)
    await expect.poll(() => life.proxy.allMet).toBe(true)
    const began = performance.now()
    expect((await exAppCall(life.stage, 'create', body, { engine: '24002' })).status).toBe(201)
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS)
    await life.proxy.heal()
    expect([503, 409]).toContain((await stalled).status)
  }, TIMEOUT_MS)
})
