import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type NextcloudStandIn, startNextcloud } from '../nextcloud.ts'
import { AppApi } from './appapi.ts'
import type { Daemon } from './daemon.ts'
import { AppApiFailure, ErrorStatus, NoAnswer } from './errors.ts'
import type { Manifest } from './exapp-row.ts'
import { type ScriptedDaemon, type Scripted, startScriptedDaemon } from './scripted-daemon.fixture.ts'

const manifest: Manifest = { appId: 'demo', version: '1.0.0', image: { registry: 'ghcr.io', name: 'nc/demo', tag: '1' } }

let daemon: ScriptedDaemon
let nextcloud: NextcloudStandIn
let appApi: AppApi
beforeEach(async () => {
  daemon = await startScriptedDaemon()
  nextcloud = await startNextcloud({ sharedKey: 'sk' })
  appApi = new AppApi({ version: '35.0.0', nextcloud, daemon: record(), certificates: null, paceMs: 1 })
})
afterEach(async () => {
  appApi.close()
  await nextcloud.close()
  await daemon.close()
})

function record(change: Partial<Daemon> = {}): Daemon {
  return {
    host: daemon.host,
    net: 'host',
    nextcloudUrl: `${daemon.url}/index.php`,
    sharedKey: 'sk',
    computeDevice: 'cpu',
    harp: { frpAddress: '127.0.0.1:8782', dockerSocketPort: '24000', exAppDirect: false },
    ...change,
  }
}

const json = (value: unknown, status = 200): Scripted => ({ status, body: JSON.stringify(value) })
const seen = (): readonly string[] => daemon.calls.map(({ call }) => call)

const deployment = [
  'POST /v1.44/images/create',
  'POST /docker/exapp/exists',
  'POST /docker/exapp/create',
  'POST /docker/exapp/install_certificates',
  'POST /docker/exapp/start',
  'POST /docker/exapp/wait_for_start',
  'GET /v1.44/containers/nc_app_demo/json',
]
const enabling = [
  'POST /docker/exapp/start',
  'POST /docker/exapp/wait_for_start',
  'GET /v1.44/containers/nc_app_demo/json',
  'GET /exapps/demo/heartbeat',
  'PUT /exapps/demo/enabled',
  'POST /exapp_storage/demo',
]
const beginning = ['GET /exapps/demo/heartbeat', 'POST /exapps/demo/init', ...enabling]

describe('the order of AppAPI’s calls', () => {
  it('is, for the whole life of an ExApp, the contract’s', async () => {
    await appApi.register(manifest)
    expect(seen()).toEqual([...deployment, ...beginning])
    const installed = daemon.calls.length

    daemon.say('POST /docker/exapp/exists', json({ exists: true }))
    await appApi.update({ ...manifest, version: '2.0.0' })
    const [pull = '', exists = '', ...rest] = deployment
    const disabling = ['PUT /exapps/demo/enabled', 'POST /docker/exapp/stop', 'DELETE /exapp_storage/demo']
    expect(seen().slice(installed)).toEqual([...disabling, pull, exists, 'POST /docker/exapp/remove', ...rest, ...beginning])
    const updated = daemon.calls.length

    await appApi.unregister('demo', { removeData: true })
    expect(seen().slice(updated)).toEqual([...disabling, 'POST /docker/exapp/exists', 'POST /docker/exapp/remove'])
    expect(daemon.calls.at(-1)?.body).toBe('{"name":"demo","instance_id":"","remove_data":true}')
    expect(appApi.isInstalled('demo')).toBe(false)
    expect(nextcloud.exAppMeta('demo')).toBeUndefined()
  })

  it('begins with an image for the compute device, even for cpu', async () => {
    daemon.say('POST /v1.44/images/create', { status: 404, body: 'manifest unknown' }, { status: 200, body: 'no JSON\n' })
    await appApi.register(manifest)
    expect(daemon.calls.slice(0, 2).map(({ headers }) => headers.connection)).toEqual(['close', 'close'])
    expect(daemon.calls[3]?.body).toContain('"image_id":"ghcr.io\\/nc\\/demo:1"')
  })

  it('asks the engine only whether it has the image where the registry is mapped to local', async () => {
    appApi = new AppApi({ version: '35.0.0', nextcloud, daemon: record({ registries: [{ from: 'ghcr.io', to: 'local' }] }), paceMs: 1 })
    daemon.say('GET /v1.44/images/ghcr.io/nc/demo:1/json', json({}))
    await appApi.register(manifest)
    expect(seen().slice(0, 3)).toEqual([
      'GET /v1.44/images/ghcr.io/nc/demo:1-cpu/json',
      'GET /v1.44/images/ghcr.io/nc/demo:1/json',
      'POST /docker/exapp/exists',
    ])
  })

  it('enables within the ExApp’s own report that its init step is done', async () => {
    daemon.say('POST /exapps/demo/init', { status: 200 })
    const registering = appApi.register(manifest)
    await expect.poll(() => seen().at(-1)).toBe('POST /exapps/demo/init')
    const before = daemon.calls.length
    const answer = await fetch(`${nextcloud.url}/ocs/v1.php/apps/app_api/ex-app/status`, {
      method: 'PUT',
      headers: {
        'EX-APP-ID': 'demo',
        'EX-APP-VERSION': '1.0.0',
        'AUTHORIZATION-APP-API': Buffer.from(`:${appApi.row('demo').secret}`).toString('base64'),
      },
      body: '{"progress":100}',
    })
    expect([answer.status, seen().slice(before)]).toEqual([200, enabling])
    await registering
  })

  it('pushes no routes after an update without an init step', async () => {
    const routes = [{ url: '^/public$', access_level: 0 }] as const
    await appApi.register({ ...manifest, routes })
    expect(JSON.parse(daemon.calls.at(-1)?.body ?? '')).toMatchObject({ routes: [{ url: '^/public$', access_level: 0 }] })
    await appApi.update({ ...manifest, routes, version: '2.0.0' })
    expect(JSON.parse(daemon.calls.at(-1)?.body ?? '')).toMatchObject({ exapp_version: '2.0.0', routes: [] })
  })
})

describe('AppAPI’s requests', () => {
  it('carry the contract’s headers and PHP’s JSON', async () => {
    await appApi.register({ ...manifest, name: 'Dé mo' })
    const [pull, , create] = daemon.calls
    const docker = {
      'harp-shared-key': 'sk',
      'docker-engine-port': '24000',
      authorization: 'Basic YXBwX2FwaV9oYXByb3h5X3VzZXI6c2s=',
      'user-agent': 'GuzzleHttp/7',
    }
    expect(pull?.headers).toMatchObject({ ...docker, connection: 'close', 'content-length': '0' })
    expect(create?.headers).toMatchObject({ ...docker, 'content-type': 'application/json' })
    const { environment_variables: environment, ...body } = JSON.parse(create?.body ?? '') as Record<string, unknown>
    expect(body).toEqual({
      name: 'demo',
      instance_id: '',
      image_id: 'ghcr.io/nc/demo:1-cpu',
      network_mode: 'host',
      restart_policy: 'unless-stopped',
      compute_device: 'cpu',
      mount_points: [],
      start_container: true,
    })
    expect(environment).toEqual([
      'AA_VERSION=35.0.0',
      `APP_SECRET=${appApi.row('demo').secret}`,
      'APP_ID=demo',
      'APP_DISPLAY_NAME=Dé mo',
      'APP_VERSION=1.0.0',
      'APP_HOST=127.0.0.1',
      'APP_PORT=23000',
      'APP_PERSISTENT_STORAGE=/nc_app_demo_data',
      `NEXTCLOUD_URL=${daemon.url}/index.php`,
      'COMPUTE_DEVICE=CPU',
      'HP_FRP_ADDRESS=127.0.0.1',
      'HP_FRP_PORT=8782',
      'HP_SHARED_KEY=sk',
    ])
    expect(appApi.row('demo').secret).toHaveLength(128)
    expect(create?.body).toContain('D\\u00e9 mo')
    const heartbeat = daemon.calls.find(({ call }) => call === 'GET /exapps/demo/heartbeat')
    expect(heartbeat?.headers).toMatchObject({
      'aa-version': '35.0.0',
      'ex-app-id': 'demo',
      'ex-app-version': '1.0.0',
      'ex-app-host': '127.0.0.1',
      'ex-app-port': '23000',
      'harp-shared-key': 'sk',
      'authorization-app-api': Buffer.from(`:${appApi.row('demo').secret}`).toString('base64'),
      accept: 'application/json',
    })
    const storage = daemon.calls.at(-1)
    expect(storage?.headers).not.toHaveProperty('docker-engine-port')
    expect(storage?.headers).not.toHaveProperty('authorization')
  })

  it.each([
    ['32.0.0', 'v1.41', false],
    ['32.0.9', 'v1.44', false],
    ['33.0.3', 'v1.44', true],
    ['35.0.0', 'v1.44', true],
  ] as const)('are in %s for the Docker API %s, with resource limits: %s', async (version, api, limits) => {
    appApi = new AppApi({ version, nextcloud, daemon: record({ resourceLimits: { memory: 1_000, nanoCPUs: 5 } }), paceMs: 1 })
    daemon.say(`POST /${api}/images/create`, { status: 200 })
    await appApi.register(manifest)
    expect(seen()[0]).toBe(`POST /${api}/images/create`)
    expect('resource_limits' in (JSON.parse(daemon.calls[2]?.body ?? '') as object)).toBe(limits)
  })

  it('leave the tunnel’s variables out where there is none, and the port empty where the record has none', async () => {
    appApi = new AppApi({ version: '35.0.0', nextcloud, daemon: record({ harp: { frpAddress: '', exAppDirect: true } }), paceMs: 1 })
    await appApi.register(manifest)
    const create = daemon.calls[2]
    expect(create?.headers['docker-engine-port']).toBe('')
    expect(create?.body).toContain('APP_HOST=0.0.0.0')
    expect(create?.body).not.toContain('HP_')
    expect(daemon.calls[3]?.body).toContain('"install_frp_certs":false')
    expect(nextcloud.exAppMeta('demo')?.host).toBe('demo')
  })

  it('ask before they send more than 1 MiB, and do not send what was refused', async () => {
    appApi = new AppApi({ version: '35.0.0', nextcloud, daemon: record(), certificates: 'é'.repeat(300_000), paceMs: 1 })
    await appApi.register(manifest)
    const certificates = daemon.calls.filter(({ call }) => call.endsWith('install_certificates'))
    expect(certificates.map(({ headers, body }) => [headers.expect, body.length > 1_800_000])).toEqual([['100-continue', true]])
    daemon.allowsBodies = false
    daemon.say('POST /docker/exapp/install_certificates', { status: 413, body: 'too long' })
    await expect(appApi.calls.installCertificates('demo', 'x'.repeat(1_100_000), true)).rejects.toThrow(/413.*\ntoo long/s)
  })

  it('reuse their connection', async () => {
    await appApi.calls.ping()
    await appApi.calls.exists('demo')
    expect(daemon.connections).toBe(1)
  })
})

describe('AppAPI fails', () => {
  it.each([
    ['exists', '200 with a text for a truth', json({ exists: 'true' })],
    ['exists', '200 with nothing', json({})],
    ['exists', '404', { status: 404, body: 'x' }],
    ['exists', '201', json({ exists: true }, 201)],
    ['create', '200', json({ id: 'a', name: 'b' })],
    ['create', '201 without an id', json({ id: null, name: 'b' }, 201)],
    ['create', '409', { status: 409 }],
    ['start', '200 while deploying', { status: 200 }],
    ['start', '202', { status: 202 }],
    ['wait_for_start', 'a container that did not', json({ started: false, status: 'exited', reason: 'why' })],
    ['wait_for_start', 'a number for a truth', json({ started: 1 })],
    ['wait_for_start', 'no JSON', { status: 200, body: '<html>' }],
    ['wait_for_start', '503', { status: 503 }],
  ])('to register when %s answers %s, and then the app is not installed', async (endpoint, _what, answer) => {
    daemon.say(`POST /docker/exapp/${endpoint}`, answer)
    await expect(appApi.register(manifest)).rejects.toThrow(AppApiFailure)
    expect(appApi.isInstalled('demo')).toBe(false)
  })

  it('when a container is unhealthy, but not when its health cannot be asked', async () => {
    daemon.say('GET /v1.44/containers/nc_app_demo/json', { status: 503 })
    await appApi.register(manifest)
    daemon.say('GET /v1.44/containers/nc_app_demo/json', json({ State: { Health: { Status: 'starting' } } }), json({ State: { Health: { Status: 'unhealthy' } } }))
    await expect(appApi.enable('demo')).rejects.toThrow('the container is unhealthy')
    daemon.say('GET /v1.44/containers/nc_app_demo/json', json({ State: { Health: { Status: '' } } }))
    await appApi.enable('demo')
  })

  it('to remove when the answer is not 204, and to unregister what has no container', async () => {
    await appApi.register(manifest)
    daemon.say('POST /docker/exapp/exists', json({ exists: true }))
    daemon.say('POST /docker/exapp/remove', { status: 200 })
    await expect(appApi.unregister('demo')).rejects.toThrow('remove answered 200')
    daemon.say('POST /docker/exapp/exists', json({ exists: false }))
    await expect(appApi.unregister('demo')).rejects.toThrow('there is no container')
    await appApi.unregister('demo', { force: true })
    expect(appApi.isInstalled('demo')).toBe(false)
  })

  it('when both images fail, with the first 120 characters of the reason', async () => {
    daemon.say('POST /v1.44/images/create', { status: 500, body: 'r'.repeat(200) })
    const failure = await appApi.register(manifest).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(AppApiFailure)
    expect(String(failure)).toMatch(/500 Internal Server Error` response:\nr{120}$/)
  })

  it('to disable when the ExApp answers JSON with an error, of whatever status; anything else will do', async () => {
    await appApi.register(manifest)
    daemon.say('PUT /exapps/demo/enabled', json({ error: 'no' }, 502))
    await expect(appApi.disable('demo')).rejects.toThrow('refuses: "no"')
    expect(seen().slice(-2)).toEqual(['PUT /exapps/demo/enabled', 'POST /docker/exapp/stop']) // stopped, but the record stays
    daemon.say('PUT /exapps/demo/enabled', { status: 502, body: '<html>' })
    await appApi.enable('demo')
    expect(appApi.row('demo').enabled).toBe(true)
  })

  it('to connect to what is no HaRP of today', async () => {
    await appApi.checkConnection()
    daemon.say('GET /info', json({ version: '0.2.9' }))
    await expect(appApi.checkConnection()).rejects.toThrow('too old')
    daemon.say('GET /v1.44/_ping', { status: 403 })
    await expect(appApi.checkConnection()).rejects.toThrow(ErrorStatus)
    await daemon.close()
    await expect(appApi.checkConnection()).rejects.toThrow(NoAnswer)
    daemon = await startScriptedDaemon() // for afterEach
  })

  it('on a 204 with a body, which would be read as the next answer', async () => {
    daemon.say('POST /docker/exapp/stop', { status: 204, headers: { 'Content-Length': '2' } })
    await expect(appApi.calls.stop('demo')).rejects.toThrow('a 204 with a body')
  })

  it('does not mind that certificates cannot be installed', async () => {
    daemon.say('POST /docker/exapp/install_certificates', { status: 500, body: 'broken' })
    await appApi.register(manifest)
    expect(appApi.notes).toEqual([expect.stringContaining('broken')])
  })

  it('on a redirect, which turns a POST into a GET without a body and carries the key to strangers', async () => {
    const stranger = await startScriptedDaemon()
    try {
      daemon.say('POST /docker/exapp/exists', { status: 302, headers: { Location: `${stranger.url}/elsewhere` } })
      await expect(appApi.calls.exists('demo')).rejects.toThrow('404')
      expect(stranger.calls).toMatchObject([{ call: 'GET /elsewhere', body: '', headers: { 'harp-shared-key': 'sk' } }])
      expect(stranger.calls[0]?.headers).not.toHaveProperty('authorization')
    } finally {
      await stranger.close()
    }
  })
})
