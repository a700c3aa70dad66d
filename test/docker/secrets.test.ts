import { afterAll, beforeAll, expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import { clientCertificates, engineForLife, type LifeStage, setLifeStage } from './life-stage.ts'

const sharedKey = 'the-one-key-that-opens-everything'
const TIMEOUT_MS = 120_000

describeWithPeer('what an ExApp that was broken into holds', engineForLife, ({ current }) => {
  let life: LifeStage
  beforeAll(async () => {
    life = await setLifeStage(current(), { sharedKey })
  })
  afterAll(() => life?.[Symbol.asyncDispose]())

  /** Dials in with a token, as an ExApp could that was taken over; what frpc was told in the end. */
  async function claim(token: string, name: string, remotePort: number): Promise<string> {
    const frpc = await startFrpc({
      version: '0.61.1',
      config: harpClientConfig({
        frpPort: life.stage.plane.ports.frp,
        sharedKey: token,
        certificates: clientCertificates(life.stage),
        appId: name,
        remotePort,
        unixSocket: '/nonexistent.sock',
      }),
    })
    try {
      return await frpc.waitForOutput(/start proxy success|start error: .*|login to the server failed: .*|connect to server error: .*/)
    } finally {
      await frpc.stop()
    }
  }

  it('is its own token in the place of the shared key, nowhere the key itself', async () => {
    const manifest = await life.manifest('alpine-like', 'broken')
    await life.appApi.register(manifest)
    const container = `nc_app_${manifest.appId}`
    const { docker } = life.engine
    const environment = JSON.parse(await life.inspect(manifest.appId, '{{json .Config.Env}}')) as string[]
    expect(environment).toContain(`HP_SHARED_KEY=${exAppToken(sharedKey, manifest.appId)}`)
    expect(await docker(['inspect', container])).not.toContain(sharedKey)
    const inside = await docker(['exec', container, 'sh', '-c', 'env; cat /frpc.toml /certs/frp/* /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true'])
    expect(inside.split(exAppToken(sharedKey, manifest.appId)).length).toBeGreaterThan(3) // the look finds what is there
    expect(inside).not.toContain(sharedKey)
    expect(await docker(['logs', container], { withErrors: true })).not.toContain(sharedKey)
    expect(await docker(['volume', 'inspect', `${container}_data`])).not.toContain(sharedKey)
    expect(life.proxy.calls.map(({ body, query }) => body + query).join('\n')).not.toContain(sharedKey)
    expect(life.stage.plane.logText()).not.toContain(sharedKey)
    expect(life.stage.plane.logText()).not.toContain(exAppToken(sharedKey, manifest.appId))
    expect(life.stage.plane.logText()).not.toContain(life.appApi.row(manifest.appId).secret)
  }, TIMEOUT_MS)

  it('Q1: opens its own tunnel, on its own port, and no engine’s or other ExApp’s', async () => {
    const manifest = await life.manifest('alpine-like', 'thief', { environment: { INIT_STEP: 'none' } })
    const victim = await life.manifest('alpine-like', 'victim', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    await life.appApi.register(victim)
    const token = exAppToken(sharedKey, manifest.appId)
    const { port } = life.appApi.row(manifest.appId)
    const own = manifest.appId
    const portOfVictim = life.appApi.row(victim.appId).port
    expect(await claim(token, 'deploy-daemon-1', 24_001)).toContain(`start error: the token of ExApp [${own}] opens only the proxy [${own}]`)
    expect(await claim(token, own, 24_001)).toContain(`start error: Nextcloud assigned port ${port} to the ExApp [${own}]`)
    expect(await claim(token, own, 24_000)).toContain('start error: port not allowed')
    expect(await claim(token, victim.appId, portOfVictim)).toContain(`start error: the token of ExApp [${own}] opens only the proxy [${own}]`)
    expect(await claim(token, own, portOfVictim)).toContain(`start error: Nextcloud assigned port ${port} to the ExApp [${own}]`)
    expect(await claim(token, own, port + 500)).toContain(`start error: Nextcloud assigned port ${port} to the ExApp [${own}]`)
    // Nothing of that disturbed anybody.
    for (const { appId } of [manifest, victim]) expect(await life.appApi.exapp.heartbeat(life.appApi.row(appId))).toBe(true)
    await life.appApi.disable(own)
    expect(await claim(token, own, port)).toBe('start proxy success') // what it is for
  }, TIMEOUT_MS)

  it('is no key of the control API, of an engine or of Nextcloud’s requests', async () => {
    const manifest = await life.manifest('alpine-like', 'caller', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    const token = exAppToken(sharedKey, manifest.appId)
    const headers = { 'harp-shared-key': token }
    expect(await life.stage.call({ path: '/info', headers })).toMatchObject({ status: 401 })
    expect(await life.stage.call({ path: '/v1.44/_ping', engine: '24000', headers })).toMatchObject({ status: 401 })
    expect(await life.stage.call({ method: 'POST', path: '/docker/exapp/remove', engine: '24000', headers, body: Buffer.from(`{"name":"${manifest.appId}"}`) })).toMatchObject({ status: 401 })
    const meta = await fetch(`${life.stage.nextcloud.url}/index.php/apps/app_api/harp/exapp-meta?appId=${manifest.appId}`, { headers })
    expect(meta.status).toBe(401)
    expect(await life.appApi.calls.exists(manifest.appId)).toMatchObject({ exists: true })
  }, TIMEOUT_MS)

  it('stays worth what it was after an update', async () => {
    const manifest = await life.manifest('alpine-like', 'updated', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    await life.appApi.update({ ...manifest, version: '2.0.0' })
    expect(JSON.parse(await life.inspect(manifest.appId, '{{json .Config.Env}}'))).toContain(`HP_SHARED_KEY=${exAppToken(sharedKey, manifest.appId)}`)
    expect(await life.engine.docker(['inspect', `nc_app_${manifest.appId}`])).not.toContain(sharedKey)
  }, TIMEOUT_MS)

  it('does not matter for a container that HaRP made with the real key: it is found, kept, stopped, started and replaced', async () => {
    const manifest = await life.manifest('alpine-like', 'harps', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    // HaRP's container is the same but for the key.
    const container = `nc_app_${manifest.appId}`
    const environment = JSON.parse(await life.inspect(manifest.appId, '{{json .Config.Env}}')) as string[]
    const { docker } = life.engine
    await docker(['commit', container, `${life.run.id}/harps:1`])
    await docker(['rm', '--force', container])
    const variables = environment.map((variable) => (variable.startsWith('HP_SHARED_KEY=') ? `HP_SHARED_KEY=${sharedKey}` : variable))
    const mount = `type=volume,source=${container}_data,target=/${container}_data`
    await docker(['create', '--name', container, '--network', 'host', '--mount', mount, ...variables.flatMap((variable) => ['--env', variable]), `${life.run.id}/harps:1`])

    await life.appApi.enable(manifest.appId)
    expect(await life.engine.docker(['inspect', container])).toContain(sharedKey)
    expect(await life.appApi.exapp.heartbeat(life.appApi.row(manifest.appId))).toBe(true)
    await life.appApi.disable(manifest.appId)
    await life.appApi.enable(manifest.appId)
    await life.appApi.update({ ...manifest, version: '2.0.0' })
    expect(await life.engine.docker(['inspect', container])).not.toContain(sharedKey)
    await life.appApi.unregister(manifest.appId, { removeData: true })
  }, TIMEOUT_MS)
})
