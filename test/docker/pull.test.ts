import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { type ImageRegistry, startImageRegistry } from '../support/image-registry.ts'
import { engineForLife, type LifeStage, setLifeStage, ways } from './life-stage.ts'

const TIMEOUT_MS = 120_000

/** Enough for a layer to be downloaded in more than one piece. */
const LAYER_BYTES = 3 * 1024 * 1024

describeWithPeer('a pull', engineForLife, ({ current, prepare, finish }) => {
  let registry: ImageRegistry
  prepare(async () => {
    registry = await startImageRegistry()
  })
  finish(async () => registry.close())

  /** An image that is in the registry only, with a layer of its own. */
  async function publish(name: string): Promise<{ readonly registry: string; readonly name: string; readonly tag: string }> {
    const { engine, run } = current()
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-pull-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(path.join(folder, 'layer'), randomBytes(LAYER_BYTES))
    await writeFile(path.join(folder, 'Dockerfile'), `FROM ${await run.images.make('no-shell')}\nCOPY layer /layer\n`)
    const reference = `${registry.host}/${name}:1`
    await engine.docker(['build', '--quiet', '--tag', reference, folder])
    await engine.docker(['push', '--quiet', reference])
    await engine.docker(['image', 'rm', reference])
    return { registry: registry.host, name, tag: '1' }
  }

  for (const way of ways) {
    describe(`through ${way}`, () => {
      let life: LifeStage
      beforeAll(async () => {
        life = await setLifeStage(current(), { way, tls: false })
      })
      afterAll(() => life?.[Symbol.asyncDispose]())

      it('begins an installation: first with the suffix that the image lacks, then without', async () => {
        const image = await publish(`installed-${life.enginePort}`)
        const asked = registry.asked.length
        const manifest = await life.manifest('no-shell', `pulled-${life.enginePort}`, { image })
        await life.appApi.register(manifest)
        expect(life.appApi.row(manifest.appId)).toMatchObject({ enabled: true })
        expect(registry.asked.slice(asked)).toEqual(expect.arrayContaining([`${image.name}:1-cpu`, `${image.name}:1`]))
        expect(life.appApi.notes).toContainEqual(expect.stringMatching(/images\/create.* resulted in a `(404|500) .*manifest unknown/s))

        const { image_ref: reference = '' } = await life.appApi.calls.exists(manifest.appId)
        expect(reference).toBe(`${image.registry}/${image.name}:1`)
        expect(await life.appApi.calls.removeImage(reference)).toEqual({ deleted: false, reason: 'in_use' })
        await life.appApi.unregister(manifest.appId, { removeData: true })
        const removed = await life.appApi.calls.removeImage(reference)
        expect(removed).toEqual({ deleted: true, bytes_freed: expect.any(Number) })
        expect(removed.bytes_freed).toBeGreaterThan(LAYER_BYTES)
        expect(await life.appApi.calls.imageExists(reference)).toBe(false)
      }, TIMEOUT_MS)

      it('shows its progress while it goes on', async () => {
        const image = await publish(`streamed-${life.enginePort}`)
        const { promise, resolve } = Promise.withResolvers<void>()
        registry.holdLayers(promise)
        const answer = await life.stage.open({
          method: 'POST',
          path: `/v1.44/images/create?fromImage=${encodeURIComponent(`${image.registry}/${image.name}:1`)}`,
          engine: life.enginePort,
        })
        expect(answer.statusCode).toBe(200)
        let text = ''
        for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
          text += chunk
          if (text.includes('"Downloading"')) resolve() // seen while the registry still holds the rest back
        }
        const statuses = text.split('\n').filter(Boolean).map((line) => (JSON.parse(line) as { status: string }).status)
        expect(statuses[0]).toMatch(/^Pulling from/)
        expect(statuses).toContain('Pull complete')
        expect(statuses.at(-1)).toMatch(/^Status: Downloaded newer image/)
        await life.appApi.calls.removeImage(`${image.registry}/${image.name}:1`)
      }, TIMEOUT_MS)

      it('of an image that is here already reaches 94 at once', async () => {
        const image = await publish(`twice-${life.enginePort}`)
        const reference = `${image.registry}/${image.name}:1`
        expect((await life.appApi.calls.pull(reference)).progress).toEqual([0, 94])
        expect((await life.appApi.calls.pull(reference)).lines.at(-1)).toContain('Image is up to date')
        await life.appApi.calls.removeImage(reference)
      }, TIMEOUT_MS)

      it('from a registry that is not there ends the installation with the engine’s reason', async () => {
        const manifest = await life.manifest('no-shell', `unpulled-${life.enginePort}`, { image: { registry: '127.0.0.1:1', name: 'absent' } })
        await expect(life.appApi.register(manifest)).rejects.toThrow(/no image: Server error: .*500 Internal Server Error` response:\n.*127\.0\.0\.1:1.*/s)
        expect(life.appApi.isInstalled(manifest.appId)).toBe(false)
        expect(await life.appApi.calls.exists(manifest.appId)).toEqual({ exists: false })
      }, TIMEOUT_MS)
    })
  }
})
