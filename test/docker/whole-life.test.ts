import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForLife, type LifeStage, setLifeStage, ways } from './life-stage.ts'

/** Serving images of every sort; the ones that go wrong have files of their own. */
const images = [
  ['debian-like', '0.61.1'],
  ['alpine-like', '0.61.1'],
  ['alpine-like', '0.71.0'],
  ['fedora-like', '0.61.1'],
  ['non-root', '0.61.1'],
  ['no-shell', '0.61.1'],
  ['of an unknown distribution', '0.61.1'],
  ['with a health check', '0.61.1'],
] as const

/** A life took 10 s on two busy cores; eight of them together half a minute to one. */
const LIFE_TIMEOUT_MS = 180_000

describeWithPeer('the whole life of an ExApp', engineForLife, ({ current }) => {
  for (const way of ways) {
    describe.concurrent(`through ${way}`, () => {
      let life: LifeStage
      beforeAll(async () => {
        life = await setLifeStage(current(), { way })
      })
      afterAll(() => life?.[Symbol.asyncDispose]())

      it.each(images)('is the same as ever for an image %s with frpc %s', async (kind, frpVersion) => {
        const { appApi } = life
        const name = `${kind.replaceAll(/\W/g, '-')}-${frpVersion}-${life.enginePort}`
        const first = await life.manifest(kind, name, { frpVersion })
        const { appId } = first
        const note = (method: string, body?: string) =>
          appApi.exapp.request(appApi.row(appId), { method, route: '/note', ...(body === undefined ? {} : { body }) })
        const shownToVisitors = async (): Promise<unknown> => (await fetch(`${life.stage.plane.url}/exapps/${appId}/public`)).json()
        const volumes = () => life.engine.docker(['volume', 'ls', '--quiet'])

        await appApi.register(first)
        expect(appApi.row(appId)).toMatchObject({ enabled: true, status: { deploy: 100, init: 100, error: '' } })
        expect(await shownToVisitors()).toEqual({ version: '1.0.0', user: '' })
        expect(await note('PUT', 'kept')).toEqual({ status: 200, text: '"kept"' })
        // Nextcloud enabled it before it answered the report, and the ExApp writes that down when it has the answer.
        await vi.waitFor(async () => expect(await appApi.calls.logs(appId)).toMatch(/enabled=1\n.*progress 100: Nextcloud says 200 OK/s), { timeout: 10_000 })

        const before = await life.inspect(appId, '{{.Id}}')
        await appApi.update({ ...first, version: '2.0.0', environment: { INIT_STEP: 'none' } })
        expect(await life.inspect(appId, '{{.Id}}')).not.toBe(before)
        expect(await shownToVisitors()).toEqual({ version: '2.0.0', user: '' })
        expect(await note('GET')).toEqual({ status: 200, text: '"kept"' })

        await appApi.disable(appId)
        expect(await life.inspect(appId, '{{.State.Status}}')).toBe('exited')
        await appApi.enable(appId)
        expect(await life.inspect(appId, '{{.State.Status}}')).toBe('running')
        expect(await shownToVisitors()).toEqual({ version: '2.0.0', user: '' })

        await appApi.unregister(appId)
        expect(await appApi.calls.exists(appId)).toEqual({ exists: false })
        expect(await volumes()).toContain(`nc_app_${appId}_data`)
        await appApi.register(first)
        expect(await note('GET')).toEqual({ status: 200, text: '"kept"' })
        const image = `docker.io/${first.image.name}:${first.image.tag}`
        expect(await appApi.calls.exists(appId)).toEqual({ exists: true, image_ref: image })

        await appApi.unregister(appId, { removeData: true })
        expect(await appApi.calls.exists(appId)).toEqual({ exists: false })
        expect(await volumes()).not.toContain(`nc_app_${appId}_data`)
        expect(appApi.notes.filter((text) => text.includes(appId))).toEqual([])
      }, LIFE_TIMEOUT_MS)
    })
  }
})
