import { expect, it } from 'vitest'
import { z } from 'zod'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { engineForLife, setLifeStage } from './life-stage.ts'

const TIMEOUT_MS = 120_000

const networksSchema = z.array(z.object({ IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string() })) }) })).min(1)

describeWithPeer('an ExApp in a network of containers', engineForLife, ({ current }) => {
  it('is reached directly where the daemon is set so, under its id in the network, and holds no key at all', async () => {
    const network = await current().run.network('direct')
    const [described] = networksSchema.parse(JSON.parse(await current().engine.docker(['network', 'inspect', network])))
    const [subnet = ''] = described?.IPAM.Config.map(({ Subnet }) => Subnet) ?? []
    // The first container of a network gets its second address; a person would write down what Docker shows.
    const address = subnet.replace(/\.\d+\/\d+$/, '.2')
    await using life = await setLifeStage(current(), {
      daemon: { net: network, overrideAppHost: address, harp: { frpAddress: '', dockerSocketPort: 24_000, exAppDirect: true } },
    })
    const { appApi } = life
    const manifest = await life.manifest('alpine-like', 'direct', { environment: { INIT_STEP: 'none' } })
    const { appId } = manifest
    await appApi.register(manifest)
    expect((await fetch(`${life.stage.plane.url}/exapps/${appId}/public`)).status).toBe(200)
    expect(await life.inspect(appId, `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`)).toBe(address)
    expect(JSON.parse(await life.inspect(appId, `{{json (index .NetworkSettings.Networks "${network}").Aliases}}`))).toContain(appId)
    expect(await life.inspect(appId, '{{.Config.Hostname}}')).toBe(appId)
    expect(await life.inspect(appId, '{{json .Config.Env}}')).not.toContain('HP_')
    expect((await life.engine.docker(['exec', `nc_app_${appId}`, 'sh', '-c', 'ls /certs 2>/dev/null || echo none'])).trim()).toBe('none')

    await appApi.disable(appId)
    await appApi.enable(appId)
    await appApi.unregister(appId, { removeData: true })
    expect(appApi.notes).toEqual([])
  }, TIMEOUT_MS)

  it('is not made in a network that is not there, and can be once it is', async () => {
    await using life = await setLifeStage(current(), { tls: false, daemon: { net: `${current().run.id}_later` } })
    const manifest = await life.manifest('no-shell', 'later')
    await expect(life.appApi.register(manifest)).rejects.toThrow(/exapp\/start` resulted in a `503 .*Status 404: network /s)
    expect(life.appApi.isInstalled(manifest.appId)).toBe(false)
    await life.run.network('later')
    await expect(life.appApi.calls.remove(manifest.appId, false)).resolves.toBeUndefined()
    const wish = {
      image_id: await life.run.images.make('no-shell'),
      network_mode: `${life.run.id}_later`,
      environment_variables: [],
      restart_policy: 'no',
      compute_device: 'cpu',
      mount_points: [],
    } as const
    expect(await life.appApi.calls.create(manifest.appId, wish)).toMatchObject({ name: `nc_app_${manifest.appId}` })
    expect(await life.appApi.calls.start(manifest.appId)).toBe('started')
    await life.appApi.calls.remove(manifest.appId, true)
  }, TIMEOUT_MS)
})
