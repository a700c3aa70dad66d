import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sharedKey } from '../support/data-plane.ts'
import { send, sendForAnswer, statusOf } from '../support/send.ts'
import { adminCookie, directHeaders, freshClient, type Stage, setStage, userCookie } from './stage.ts'

/** HaRP contract §9, row by row; titles that begin with a number show what became of a quirk of §8. */
describe('the request vectors of HaRP', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())
  afterEach(() => stage.nextcloud.clearFaults())

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    send({ port: stage.port, path, headers, method, from: freshClient() })

  /** The path that reached the ExApp, or the status of the refusal. */
  async function upPath(path: string, headers: Record<string, string> = {}): Promise<string | number> {
    const answer = await ask(path, headers)
    if (answer === 'dropped') return answer
    return answer.status === 200 ? (JSON.parse(answer.text) as { url: string }).url : answer.status
  }

  /** Whether the same client is banned after ten of these, so the failure was counted. */
  async function isRecorded(path: string, headers: Record<string, string> = {}): Promise<boolean> {
    const from = freshClient()
    for (let n = 0; n < 10; n++) await send({ port: stage.port, path, headers, from })
    return (await statusOf({ port: stage.port, path: '/exapps/demo/public', from })) === 'dropped'
  }

  it('stamps identity and version, replacing what the client wrote', async () => {
    const answer = await sendForAnswer({
      port: stage.port,
      path: '/exapps/demo/public?x=1&y=%2F',
      headers: { 'EX-APP-ID': 'evil', 'AA-VERSION': '99', 'Ex-App-Version': '0', 'AUTHORIZATION-APP-API': 'evil', 'X-Other': 'kept' },
    })
    const { url, rawHeaders } = JSON.parse(answer.text) as { url: string; rawHeaders: string[] }
    const received = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : []))
    expect(url).toBe('/public?x=1&y=%2F')
    expect(received.filter((line) => /^(ex-app|authorization|aa-|x-other|harp)/.test(line)).sort()).toEqual([
      'aa-version: 32',
      'authorization-app-api: OnRvaw==',
      'ex-app-id: demo',
      'ex-app-version: 1.2.3',
      'x-other: kept',
    ])
  })

  it.each([
    ['/exapps/demo/', '/'],
    ['/exapps/demo/p//a/./b%2f%20c', '/p//a/./b%2f%20c'],
    ['/exapps/demo/p/..;/x', '/p/..;/x'],
    ['/exapps/demo/p/%252e%252e/x', '/p/%252e%252e/x'],
    ['/exapps/demo/p/..%5cx', '/p/..%5cx'],
    ['/exapps/demo/p/...', '/p/...'],
    ['/exapps/demo/p/a..', '/p/a..'],
    ['/exapps/demo/p/x?y=/../z', '/p/x?y=/../z'],
    ['/exapps/demo/p/"<>^`{|}\\', '/p/"<>^`{|}\\'],
  ])('passes %s on as %s', async (path, expected) => {
    expect(await upPath(path)).toBe(expected)
  })

  it('Q7: asks an ExApp for its root where the path ends with its id, and so the control API', async () => {
    expect(await upPath('/exapps/demo')).toBe('/')
    expect(await upPath('/exapps/demo?q=1')).toBe('/?q=1')
    expect(await upPath('/exapps/app_api', { 'harp-shared-key': sharedKey })).toBe(404)
  })

  it('Q6: lets every method pass where a route lets the visitor pass, whatever verb it names', async () => {
    const routes = [{ url: '^/get-only$', access_level: 0 as const, verb: 'GET' }]
    stage.nextcloud.addExApp({ appId: 'verbs', port: stage.exApp.port ?? 0, routes })
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      expect([method, await statusOf({ port: stage.port, path: '/exapps/verbs/get-only', method, from: freshClient() })]).toEqual([method, 200])
    }
  })

  it('finds an app whatever the case of its id, and tells the ExApp the spelling of the request', async () => {
    const answer = await sendForAnswer({ port: stage.port, path: '/exapps/DEMO/p/1' })
    const { url, rawHeaders } = JSON.parse(answer.text) as { url: string; rawHeaders: string[] }
    expect(url).toBe('/p/1')
    expect(rawHeaders[rawHeaders.indexOf('ex-app-id') + 1]).toBe('DEMO')
  })

  it.each(['/exapps/de%6Do/p/1', '/exapps/', '/exapps//x', '/foo', '/foo/exapps/demo/p/1', '/exapps', '/exappsx/demo'])('answers 404 to %s and records it', async (path) => {
    expect(await statusOf({ port: stage.port, path, from: freshClient() })).toBe(404)
    expect(await isRecorded(path)).toBe(true)
  })

  it.each(['/x/exapps/demo/public', '//exapps/demo/public', '/index.php/exapps/demo/public', '/exapps/../exapps/demo/public'])('Q8: finds no app id behind anything before /exapps/: %s', async (path) => {
    const before = stage.exApp.requestCount
    expect([404, 'dropped']).toContain(await statusOf({ port: stage.port, path, from: freshClient() }))
    expect(stage.exApp.requestCount).toBe(before)
  })

  it.each(['p/../x', 'p/..', 'p/..%2fx', 'p/%2e%2e/x', 'p/.%2E/x', 'p/x%2F..%2Fy'])('drops /exapps/demo/%s and records it', async (rest) => {
    expect(await ask(`/exapps/demo/${rest}`)).toBe('dropped')
    expect(await isRecorded(`/exapps/demo/${rest}`)).toBe(true)
  })

  it('drops a .. segment elsewhere too, and does not record it for the right key', async () => {
    expect(await ask('/foo/../bar')).toBe('dropped')
    expect(await isRecorded('/exapps/demo/../x', { 'harp-shared-key': sharedKey })).toBe(false)
  })

  it('asks for access by route: nobody 403, a user by cookie or password up, an admin where needed', async () => {
    expect(await upPath('/exapps/demo/user')).toBe(403)
    expect(await isRecorded('/exapps/demo/user')).toBe(true)
    expect(await upPath('/exapps/demo/user', { cookie: userCookie })).toBe('/user')
    const basic = await sendForAnswer({ port: stage.port, path: '/exapps/demo/user', headers: { authorization: `Basic ${Buffer.from('usr:usr').toString('base64')}` } })
    expect(basic.text).toContain('dXNyOnRvaw==')
    expect(await upPath('/exapps/demo/admin', { cookie: userCookie })).toBe(403)
    expect(await upPath('/exapps/demo/admin', { cookie: adminCookie })).toBe('/admin')
    expect(await upPath('/exapps/demo/userX', { cookie: userCookie })).toBe('/userX')
  })

  describe('when Nextcloud has trouble with the visitor', () => {
    const visit = (path: string) => ask(path, { cookie: `oc_sessionPassphrase=${Math.random()}` })
    const fault = (status: number, body = '{}') => stage.nextcloud.setFault('user-info', { kind: 'answer', status, body, contentType: 'application/json' })

    it('takes a refused visitor for nobody', async () => {
      fault(401)
      expect(await visit('/exapps/demo/user')).toMatchObject({ status: 403 })
    })
    it('answers 401 when it cannot be asked, and does not record that', async () => {
      fault(500)
      expect(await visit('/exapps/demo/user')).toMatchObject({ status: 401, text: '401 Unauthorized' })
      expect(await isRecorded('/exapps/demo/user', { cookie: 'oc_sessionPassphrase=y' })).toBe(false)
    })
    it('Q35: keeps public pages up', async () => {
      fault(500)
      expect(await visit('/exapps/demo/public')).toMatchObject({ status: 200 })
    })
    it('answers 401 to a level that does not exist', async () => {
      fault(200, '{"user_id": "x", "access_level": 7}')
      expect(await visit('/exapps/demo/user')).toMatchObject({ status: 401 })
    })
  })

  describe('when there is no usable record', () => {
    it('answers 404 to an app without routes, and records it', async () => {
      stage.nextcloud.addExApp({ appId: 'bare', port: stage.exApp.port ?? 0 })
      expect(await upPath('/exapps/bare/x')).toBe(404)
      expect(await isRecorded('/exapps/bare/x')).toBe(true)
    })
    it('answers 404 when the host does not resolve, and does not record it', async () => {
      stage.nextcloud.addExApp({ appId: 'nohost', port: 80, host: 'does-not-exist.invalid', routes: [{ url: '.*', access_level: 0 }] })
      expect(await upPath('/exapps/nohost/x')).toBe(404)
      expect(await isRecorded('/exapps/nohost/x')).toBe(false)
    })
    it.each([
      ['of a bad schema', 200, '{"exapp_token": 1}', 'application/json'],
      ['of an error', 500, '{}', 'application/json'],
      ['of a page instead of JSON', 200, '<html>', 'text/html'],
    ])('answers 404 because %s, and does not record it', async (_why, status, body, contentType) => {
      stage.nextcloud.setFault('exapp-meta', { kind: 'answer', status, body, contentType })
      expect(await upPath('/exapps/broken/x')).toBe(404)
      expect(await isRecorded('/exapps/broken/x')).toBe(false)
    })
    it('answers 404 to an unknown app, and records it', async () => {
      expect(await upPath('/exapps/unknown/x')).toBe(404)
      expect(await isRecorded('/exapps/unknown/heartbeat')).toBe(true)
    })
    it('answers 503 when nobody listens on the port of the ExApp', async () => {
      stage.nextcloud.addExApp({ appId: 'closed', port: 1, routes: [{ url: '.*', access_level: 0 }] })
      expect(await ask('/exapps/closed/x')).toMatchObject({ status: 503, text: '503 Service Unavailable' })
    })
  })

  describe('for requests that AppAPI signs', () => {
    it('passes the signature on and says the version of the record', async () => {
      const answer = await sendForAnswer({ port: stage.port, path: '/exapps/demo/echo', headers: directHeaders({ 'authorization-app-api': 'c2lnbmVk' }) })
      const { rawHeaders } = JSON.parse(answer.text) as { rawHeaders: string[] }
      const value = (name: string) => rawHeaders[rawHeaders.findIndex((written) => written.toLowerCase() === name) + 1]
      expect([value('authorization-app-api'), value('ex-app-version')]).toEqual(['c2lnbmVk', '1.2.3'])
      expect(rawHeaders.map((name) => name.toLowerCase())).not.toEqual(expect.arrayContaining(['harp-shared-key'])) // Q4
      expect(await upPathOf('/exapps/demo/heartbeat')).toEqual({ status: 'ok' })
    })
    const upPathOf = async (path: string) => JSON.parse((await sendForAnswer({ port: stage.port, path, headers: directHeaders() })).text) as unknown

    it('goes to the host and port of the headers while Nextcloud does not know the app, or has trouble', async () => {
      const headers = directHeaders({ 'ex-app-id': 'fresh', 'ex-app-port': String(stage.exApp.port) })
      expect(await ask('/exapps/fresh/init', headers, 'POST')).toMatchObject({ status: 200 })
      stage.nextcloud.setFault('exapp-meta', { kind: 'answer', status: 500 })
      const answer = await sendForAnswer({ port: stage.port, path: '/exapps/fresh2/init', method: 'POST', headers })
      const { rawHeaders } = JSON.parse(answer.text) as { rawHeaders: string[] }
      expect(rawHeaders[rawHeaders.indexOf('ex-app-version') + 1]).toBe('9.9.9')
    })
    it('Q30: goes nowhere by its headers once Nextcloud knows the app, nor without the right key', async () => {
      const elsewhere = { 'ex-app-host': '127.0.0.1', 'ex-app-port': '1' }
      expect(await ask('/exapps/demo/heartbeat', directHeaders(elsewhere))).toMatchObject({ status: 200 })
      const before = stage.exApp.requestCount
      const there = { 'ex-app-id': 'nowhere', 'ex-app-port': String(stage.exApp.port) }
      expect(await ask('/exapps/nowhere/init', directHeaders({ ...there, 'harp-shared-key': 'no' }))).toBe('dropped')
      const { 'harp-shared-key': _left, ...without } = directHeaders(there)
      expect(await ask('/exapps/nowhere/init', without)).toMatchObject({ status: 404 })
      expect(stage.exApp.requestCount).toBe(before)
    })
    it('answers 503 to a port that is no number', async () => {
      expect(await ask('/exapps/unknown3/init', directHeaders({ 'ex-app-port': 'abc' }))).toMatchObject({ status: 503 })
    })
    it('Q40: answers 502, not 404, when the host does not resolve: AppAPI would skip the init step', async () => {
      expect(await ask('/exapps/unknown4/init', directHeaders({ 'ex-app-host': 'unknown4.invalid' }), 'POST')).toMatchObject({ status: 502 })
    })
    it('drops a wrong key and records it', async () => {
      const wrong = directHeaders({ 'harp-shared-key': 'no' })
      expect(await ask('/exapps/demo/heartbeat', wrong)).toBe('dropped')
      expect(await isRecorded('/exapps/demo/heartbeat', wrong)).toBe(true)
    })
    it('takes five of the six headers for a visitor', async () => {
      const { 'ex-app-host': _left, ...five } = directHeaders()
      expect(await ask('/exapps/demo/heartbeat', five)).toBe('dropped')
      expect(await upPath('/exapps/demo/user', five)).toBe(403)
    })
    it('treats an empty signature as none', async () => {
      expect(await ask('/exapps/demo/heartbeat', directHeaders({ 'authorization-app-api': '' }))).toBe('dropped')
      expect(await upPath('/exapps/demo/public', directHeaders({ 'authorization-app-api': '' }))).toBe('/public')
    })
  })

  it.each(['/heartbeat', '/init?x=1', '/enabled'])("drops a visitor's %s and records it", async (path) => {
    expect(await ask(`/exapps/demo${path}`)).toBe('dropped')
    expect(await ask(`/exapps/demo${path}`, { 'harp-shared-key': sharedKey })).toBe('dropped')
    expect(await isRecorded(`/exapps/demo${path}`)).toBe(true)
  })

  it('Q31: counts the statuses that a route names, passes them through, and spares the right key', async () => {
    const from = freshClient()
    const status = (code: number, headers = {}) => statusOf({ port: stage.port, path: `/exapps/demo/status/${code}`, from, headers })
    const seen = []
    for (const code of [401, 401, 401, 401, 401, 401, 500, 500, 500, 404, 404, 404, 404]) seen.push(await status(code))
    expect(seen).toEqual([401, 401, 401, 401, 401, 401, 500, 500, 500, 404, 404, 404, 404])
    expect(await status(200)).toBe('dropped')
    expect(await status(200, { 'harp-shared-key': sharedKey })).toBe(200)
  })

  it('opens the control API with the last of several keys only', async () => {
    const info = (keys: string[]) => statusOf({ port: stage.port, path: '/exapps/app_api/info', from: freshClient(), headers: keys.flatMap((key) => ['harp-shared-key', key]) })
    expect([await info([sharedKey]), await info([]), await info(['no', sharedKey]), await info([sharedKey, 'no'])]).toEqual([200, 401, 200, 401])
    expect(await isRecorded('/exapps/app_api/info', { 'harp-shared-key': 'no' })).toBe(true)
  })

  it('answers 403 to Docker paths outside the list and 503 to an engine that is not there', async () => {
    const engine = (path: string, port: string, method = 'GET') =>
      statusOf({ port: stage.port, path: `/exapps/app_api${path}`, method, headers: { 'harp-shared-key': sharedKey, 'docker-engine-port': port } })
    expect(await Promise.all(['/v1.44/_ping/x', '/v1.44/images/json', '/v1.44/containers/other/json', '/info', '/k8s/exapp/exists'].map((path) => engine(path, '24001')))).toEqual([403, 403, 403, 403, 403])
    expect(await engine('/v1.44/containers/create', '24001', 'POST')).toBe(403)
    expect(await engine('/v1.44/_ping', 'abc')).toBe(503)
  })

  describe('with a trusted proxy in front', () => {
    let behind: Stage
    beforeAll(async () => {
      behind = await setStage({ HP_TRUSTED_PROXY_IPS: '127.0.0.1' })
    })
    afterAll(() => behind.close())

    const countedAs = async (headers: string[]): Promise<unknown> => {
      await send({ port: behind.port, path: '/exapps/nobody-has-this/x', headers })
      return behind.plane.log.at(-1)?.['client']
    }

    it('Q10: holds the client responsible for wrong keys, not the proxy that it comes through', async () => {
      const sign = (client: string, key: string) =>
        statusOf({ port: behind.port, path: '/exapps/demo/heartbeat', headers: directHeaders({ 'x-forwarded-for': client, 'harp-shared-key': key }) })
      for (let n = 0; n < 12; n++) expect(await sign('203.0.113.1', 'no')).toBe('dropped')
      expect(await sign('203.0.113.2', sharedKey)).toBe(200)
      const visit = (client: string) => statusOf({ port: behind.port, path: '/exapps/demo/public', headers: { 'x-forwarded-for': client } })
      expect([await visit('203.0.113.1'), await visit('203.0.113.2')]).toEqual(['dropped', 200])
    })

    it('Q9: counts the client that the proxy saw, not the one that the client claims', async () => {
      expect(await countedAs(['X-Forwarded-For', '9.9.9.9, 8.8.8.8'])).toBe('8.8.8.8')
      expect(await countedAs(['X-Forwarded-For', '1.1.1.1', 'X-Forwarded-For', '2.2.2.2'])).toBe('2.2.2.2')
      expect(await countedAs(['X-Forwarded-For', '1.1.1.1:99', 'X-Real-IP', '7.7.7.7'])).toBe('7.7.7.7')
      expect(await countedAs(['X-Forwarded-For', '[2001:db8::1]'])).toBe('127.0.0.1')
      expect(await countedAs(['X-Forwarded-For', '2001:DB8::1'])).toBe('2001:db8::1')
    })
  })
})
