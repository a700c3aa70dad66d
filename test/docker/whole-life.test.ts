import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForLife, type LifeStage, setLifeStage, ways } from './life-stage.ts'

/** Serving images of every sort; the ones that go wrong have files of their own. */
const kinds = ['debian-like', 'alpine-like', 'fedora-like', 'non-root', 'no-shell', 'of an unknown distribution', 'with a health check'] as const

/** A life took 6 s on two busy cores; its first image another two. */
const LIFE_TIMEOUT_MS = 120_000

describeWithPeer('the whole life of an ExApp', engineForLife, ({ current }) => {
  for (const way of ways) {
    describe(`through ${way}`, () => {
      let life: LifeStage
      beforeAll(async () => {
        life = await setLifeStage(current(), { way })
      })
      afterAll(() => life?.[Symbol.asyncDispose]())

      it.each(kinds)('an image %s is deployed, updated, stopped, started and removed', async (kind) => {
        const { appApi, engine } = life
        const first = await life.manifest(kind, kind.replaceAll(/\W/g, '-'))
        const { appId } = first
        const note = (method: string, body?: string) => appApi.exapp.request(appApi.row(appId), { method, route: '/note', ...(body === undefined ? {} : { body }) })
        const versionShown = async () => (await fetch(`${life.stage.plane.url}/exapps/${appId}/public`)).text()

        await appApi.register(first)
        expect(appApi.notes).toEqual([])
        expect(appApi.row(appId)).toMatchObject({ enabled: true, status: { deploy: 100, init: 100, error: '' } })
        expect(JSON.parse(await versionShown())).toEqual({ version: '1.0.0', user: '' })
        expect(await note('PUT', 'kept')).toEqual({ status: 200, text: '"kept"' })
        expect(await appApi.calls.logs(appId)).toMatch(/progress 100: Nextcloud says 200 OK.*enabled=1|enabled=1.*progress 100: Nextcloud says 200 OK/s)

        const before = await life.inspect(appId, '{{.Id}}')
        await appApi.update({ ...first, version: '2.0.0', environment: { INIT_STEP: 'none' } })
        expect(await life.inspect(appId, '{{.Id}}')).not.toBe(before)
        expect(JSON.parse(await versionShown())).toEqual({ version: '2.0.0', user: '' })
        expect(await note('GET')).toEqual({ status: 200, text: '"kept"' })

        await appApi.disable(appId)
        expect(await life.inspect(appId, '{{.State.Status}}')).toBe('exited')
        await appApi.enable(appId)
        expect(await life.inspect(appId, '{{.State.Status}}')).toBe('running')
        expect(JSON.parse(await versionShown())).toEqual({ version: '2.0.0', user: '' })

        await appApi.unregister(appId)
        expect(await appApi.calls.exists(appId)).toEqual({ exists: false })
        expect(await engine.docker(['volume', 'ls', '--quiet'])).toContain(`nc_app_${appId}_data`)
        await appApi.register(first)
        expect(await note('GET')).toEqual({ status: 200, text: '"kept"' })
        const { image_ref: image = '' } = await appApi.calls.exists(appId)
        expect(image).toBe(`docker.io/${first.image.name}:${first.image.tag}`)

        await appApi.unregister(appId, { removeData: true })
        expect(await engine.docker(['volume', 'ls', '--quiet'])).not.toContain(appId)
        expect(await appApi.calls.removeImage(`${image}-gone`)).toEqual({ deleted: true, bytes_freed: 0, reason: 'not_found' })
        expect(appApi.notes).toEqual([])
      }, LIFE_TIMEOUT_MS)
    })
  }
})
