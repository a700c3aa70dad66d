import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AppApi } from '../support/appapi-client/appapi.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForLife, type LifeStage, setLifeStage, ways } from './life-stage.ts'

/** `wait_for_start` itself gives up after 90 s. */
const TIMEOUT_MS = 180_000

const sharedKey = 'a-shared-key-that-must-not-be-told'

describeWithPeer('a container that does not start well', engineForLife, ({ current }) => {
  for (const way of ways) {
    describe.concurrent(`through ${way}`, () => {
      let life: LifeStage
      beforeAll(async () => {
        life = await setLifeStage(current(), { way, sharedKey, restartPolicy: 'no' })
      })
      afterAll(() => life?.[Symbol.asyncDispose]())

      const secretsOf = async (appId: string): Promise<readonly string[]> => {
        const environment = JSON.parse(await life.inspect(appId, '{{json .Config.Env}}')) as string[]
        const secrets = environment.filter((variable) => /^(APP_SECRET|HP_SHARED_KEY)=./.test(variable))
        expect(secrets).toHaveLength(2)
        return [sharedKey, ...secrets.map((variable) => variable.slice(variable.indexOf('=') + 1))]
      }

      it('is reported with its last words when it dies at once, without the secrets that it tells', async () => {
        const manifest = await life.manifest('dies at once', `dying-${life.enginePort}`)
        const failure = await life.appApi.register(manifest).catch(String)
        expect(failure).toMatch(/the container did not start: exited, null, non-recoverable state: exited.*the model file is missing/s)
        for (const secret of await secretsOf(manifest.appId)) {
          expect(failure).not.toContain(secret)
          expect(life.stage.plane.logText()).not.toContain(secret)
        }
        expect(life.appApi.isInstalled(manifest.appId)).toBe(false)
      }, TIMEOUT_MS)

      it('is given time to recover while the engine restarts it, and then reported in the same way', async () => {
        const appApi = new AppApi({ version: '35.0.0', nextcloud: life.stage.nextcloud, daemon: life.daemon })
        const manifest = await life.manifest('dies at once', `restarting-${life.enginePort}`)
        const failure = await appApi.register(manifest).catch(String)
        appApi.close()
        expect(failure).toMatch(/the container did not start: restarting, null, timeout after max tries.*the model file is missing/s)
        for (const secret of await secretsOf(manifest.appId)) expect(failure).not.toContain(secret)
      }, TIMEOUT_MS)

      it('is installed again once the image is mended: what was left is removed first', async () => {
        const broken = await life.manifest('dies at once', `mended-${life.enginePort}`)
        await expect(life.appApi.register(broken)).rejects.toThrow('did not start')
        const mended = await life.manifest('alpine-like', `mended-${life.enginePort}`, { environment: { INIT_STEP: 'none' } })
        await life.appApi.register(mended)
        expect(life.appApi.row(mended.appId).enabled).toBe(true)
      }, TIMEOUT_MS)

      it('is told to be unhealthy', async () => {
        const manifest = await life.manifest('unhealthy', `unhealthy-${life.enginePort}`)
        await expect(life.appApi.register(manifest)).rejects.toThrow('the container is unhealthy')
        expect(await life.appApi.calls.waitForStart(manifest.appId)).toMatchObject({
          started: true,
          status: 'running',
          health: 'unhealthy',
          reason: expect.stringMatching(/^unhealthy/),
        })
      }, TIMEOUT_MS)

      it('is waited for in vain when it never becomes healthy, within AppAPI’s patience', async () => {
        const manifest = await life.manifest('never healthy', `unwell-${life.enginePort}`)
        await expect(life.appApi.register(manifest)).rejects.toThrow(/did not start: running, starting, timeout after max tries/)
      }, TIMEOUT_MS)

      it('is not found when there is none', async () => {
        await expect(life.appApi.calls.waitForStart(life.run.appId('missing'))).rejects.toThrow(/not_found, undefined, container not found/)
      }, TIMEOUT_MS)

      it('is waited for no longer when it is removed meanwhile', async () => {
        const manifest = await life.manifest('never healthy', `removed-${life.enginePort}`)
        const failure = life.appApi.register(manifest).catch(String)
        await vi.waitFor(async () => expect(await life.inspect(manifest.appId, '{{.State.Status}}').catch(() => '')).toBe('running'), { timeout: 30_000 })
        const removedAt = performance.now()
        await life.engine.docker(['rm', '--force', `nc_app_${manifest.appId}`])
        expect(await failure).toMatch(/did not start: (not_found|exited|dead|removing)/)
        expect(performance.now() - removedAt).toBeLessThan(30_000) // far from the 90 s
      }, TIMEOUT_MS)
    })
  }
})
