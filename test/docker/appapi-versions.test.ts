import { describe, expect, it } from 'vitest'
import { AppApi } from '../support/appapi-client/appapi.ts'
import { appApiVersions } from '../support/appapi-client/version.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForLife, setLifeStage } from './life-stage.ts'

const TIMEOUT_MS = 120_000

/** What the engine of the tests surely has. */
const MEMORY_BYTES = 256 * 1024 * 1024
const NANO_CPUS = 500_000_000

describeWithPeer('AppAPI of every release', engineForLife, ({ current }) => {
  describe.concurrent('installs, updates and removes', () => {
    it.each(appApiVersions)('with %s', async (version) => {
      await using life = await setLifeStage(current(), { version, daemon: { resourceLimits: { memory: MEMORY_BYTES, nanoCPUs: NANO_CPUS } } })
      const { appApi } = life
      const manifest = await life.manifest('alpine-like', `release-${version}`)
      await appApi.checkConnection()
      await appApi.register(manifest)
      expect(appApi.row(manifest.appId)).toMatchObject({ enabled: true, status: { deploy: 100, init: 100 } })
      const isLimited = !version.startsWith('32.')
      expect(await life.inspect(manifest.appId, '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}')).toBe(isLimited ? `${MEMORY_BYTES} ${NANO_CPUS}` : '0 0')
      expect(JSON.parse(await life.inspect(manifest.appId, '{{json .Config.Env}}'))).toContain(`AA_VERSION=${version}`)

      // Without an init step AppAPI pushes an empty route list after an update; visitors still get in.
      await appApi.update({ ...manifest, version: '2.0.0', environment: { INIT_STEP: 'none' } })
      expect((await fetch(`${life.stage.plane.url}/exapps/${manifest.appId}/public`)).status).toBe(200)
      await appApi.unregister(manifest.appId, { removeData: true })
      expect(appApi.notes).toEqual([])
    }, TIMEOUT_MS)
  })

  it('has a record without the engine’s port, from old all-in-one installations: 24000 is meant', async () => {
    await using life = await setLifeStage(current(), { tls: false })
    const { appApi, daemon } = life
    const { dockerSocketPort: _, ...harp } = daemon.harp
    const old = new AppApi({ version: '32.0.0', nextcloud: life.stage.nextcloud, daemon: { ...daemon, harp } })
    const manifest = await life.manifest('alpine-like', 'portless', { environment: { INIT_STEP: 'none' } })
    await old.register(manifest)
    expect(await appApi.calls.exists(manifest.appId)).toMatchObject({ exists: true })
    await old.unregister(manifest.appId, { removeData: true })
    old.close()
  }, TIMEOUT_MS)

  it('unregisters what was removed behind its back only when told to', async () => {
    await using life = await setLifeStage(current(), { tls: false, environment: { HP_TIMEOUT_CONNECT: '2s' } })
    const { appApi } = life
    const manifest = await life.manifest('alpine-like', 'vanished', { environment: { INIT_STEP: 'none' } })
    await appApi.register(manifest)
    await life.engine.docker(['rm', '--force', `nc_app_${manifest.appId}`])
    await expect(appApi.unregister(manifest.appId)).rejects.toThrow('there is no container')
    await appApi.unregister(manifest.appId, { force: true })
    expect(appApi.isInstalled(manifest.appId)).toBe(false)
  }, TIMEOUT_MS)

  it('leaves nothing behind when the daemon is deleted', async () => {
    await using life = await setLifeStage(current(), { tls: false })
    const manifests = await Promise.all(['one', 'two'].map((name) => life.manifest('alpine-like', `deleted-${name}`, { environment: { INIT_STEP: 'none' } })))
    for (const manifest of manifests) await life.appApi.register(manifest)
    await life.appApi.removeAll()
    const lists = await Promise.all([life.engine.docker(['ps', '--all', '--format', '{{.Names}}']), life.engine.docker(['volume', 'ls', '--quiet'])])
    for (const { appId } of manifests) expect(lists.join('\n')).not.toContain(appId)
  }, TIMEOUT_MS)
})
