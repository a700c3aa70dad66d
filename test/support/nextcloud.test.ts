import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startNextcloud } from './nextcloud.ts'
import type { NextcloudStandIn } from './nextcloud.ts'

const sharedKey = 'a shared key'
const root = '/index.php/apps/app_api/harp'

let nextcloud: NextcloudStandIn
beforeEach(async () => {
  nextcloud = await startNextcloud({ sharedKey })
  nextcloud.addExApp({ appId: 'demo', port: 23000, exapp_token: 'tok', exapp_version: '1.2.3' })
})
afterEach(() => nextcloud.close())

async function ask(path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  return fetch(`${nextcloud.url}${path}`, {
    redirect: 'manual',
    ...init,
    headers: { 'harp-shared-key': sharedKey, ...headers },
  })
}

function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

describe('exapp-meta', () => {
  it('describes a known ExApp with the contract’s fields and nothing else', async () => {
    nextcloud.addExApp({
      appId: 'App_Skel',
      port: 23001,
      host: 'App_Skel',
      routes: [{ url: '^/public$', access_level: 0, bruteforce_protection: [401] }, { url: '/user', access_level: '1' }],
    })
    const response = await ask(`${root}/exapp-meta?appId=App_Skel`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await response.json()).toEqual({
      exapp_token: 'token-of-App_Skel',
      exapp_version: '1.0.0',
      host: 'App_Skel',
      port: 23001,
      routes: [
        { url: '^/public$', access_level: 0, bruteforce_protection: [401] },
        { url: '/user', access_level: '1', bruteforce_protection: [] },
      ],
    })
  })

  it('gives the same answer to a wrong key, no key and an unknown app', async () => {
    const answers = await Promise.all([
      ask(`${root}/exapp-meta?appId=demo`, { 'harp-shared-key': 'wrong' }),
      ask(`${root}/exapp-meta?appId=demo`, { 'harp-shared-key': '' }),
      ask(`${root}/exapp-meta?appId=nobody`),
      ask(`${root}/exapp-meta?appId=DEMO`),
      ask(`${root}/exapp-meta`),
    ])
    expect(answers.map((answer) => answer.status)).toEqual([401, 401, 401, 401, 401])
    const bodies = await Promise.all(answers.map((answer) => answer.json()))
    for (const body of bodies) expect(body).toEqual({ message: 'Unknown ExApp or wrong shared key' })
  })

  it('counts a wrong key twice towards throttling and an unknown app not at all', async () => {
    await ask(`${root}/exapp-meta?appId=nobody`)
    expect(nextcloud.throttledAttempts).toBe(0)
    await ask(`${root}/exapp-meta?appId=demo`, { 'harp-shared-key': 'wrong' })
    expect(nextcloud.throttledAttempts).toBe(2)
  })

  it('forgets a removed ExApp', async () => {
    nextcloud.removeExApp('demo')
    expect((await ask(`${root}/exapp-meta?appId=demo`)).status).toBe(401)
  })

  it('takes GET only and exists under index.php only', async () => {
    expect((await ask(`${root}/exapp-meta?appId=demo`, {}, { method: 'POST' })).status).toBe(405)
    expect((await ask('/apps/app_api/harp/exapp-meta?appId=demo')).status).toBe(404)
  })
})

describe('user-info', () => {
  async function whoIs(headers: Record<string, string>): Promise<unknown> {
    return (await ask(`${root}/user-info?appId=demo`, headers)).json()
  }

  it.each([
    ['nobody', {}, { user_id: '', access_level: 0 }],
    ['a user', basic('user', 'user'), { user_id: 'user', access_level: 1 }],
    ['an administrator', basic('admin', 'admin'), { user_id: 'admin', access_level: 2 }],
    ['a wrong password', basic('admin', 'no'), { user_id: '', access_level: 0 }],
    ['a Bearer token', { authorization: 'Bearer user' }, { user_id: '', access_level: 0 }],
    ['a session that does not exist', { cookie: 'oc_sessionPassphrase=x' }, { user_id: '', access_level: 0 }],
  ])('tells the level of %s', async (_, headers: Record<string, string>, expected) => {
    expect(await whoIs(headers)).toEqual(expected)
  })

  it('knows sessions made by the test, until they end', async () => {
    nextcloud.setSession('abc', 'admin')
    expect(await whoIs({ cookie: 'a=b; oc_sessionPassphrase=abc' })).toEqual({ user_id: 'admin', access_level: 2 })
    nextcloud.endSession('abc')
    expect(await whoIs({ cookie: 'oc_sessionPassphrase=abc' })).toEqual({ user_id: '', access_level: 0 })
  })

  it('names disabled and unknown users but gives them no access', async () => {
    nextcloud.addUser({ id: 'gone', password: 'x', disabled: true })
    nextcloud.setSession('abc', 'gone')
    nextcloud.setSession('def', 'never-was')
    expect(await whoIs({ cookie: 'oc_sessionPassphrase=abc' })).toEqual({ user_id: 'gone', access_level: 0 })
    expect(await whoIs({ cookie: 'oc_sessionPassphrase=def' })).toEqual({ user_id: 'never-was', access_level: 0 })
  })

  it('refuses unknown apps and wrong keys alike, and counts both once', async () => {
    const unknown = await ask(`${root}/user-info?appId=nobody`)
    const wrong = await ask(`${root}/user-info?appId=demo`, { 'harp-shared-key': 'wrong' })
    expect([unknown.status, wrong.status]).toEqual([401, 401])
    expect(await unknown.text()).toBe(await wrong.text())
    expect(nextcloud.throttledAttempts).toBe(2)
  })

  it('is closed for maintenance while exapp-meta stays', async () => {
    nextcloud.setMaintenance(true)
    const closed = await ask(`${root}/user-info?appId=demo`)
    expect(closed.status).toBe(503)
    expect(closed.headers.get('x-nextcloud-maintenance-mode')).toBe('1')
    expect(closed.headers.get('retry-after')).toBe('120')
    expect(await closed.json()).toEqual({ message: 'This Nextcloud is under maintenance.' })
    expect((await ask(`${root}/exapp-meta?appId=demo`)).status).toBe(200)
    expect(await (await ask('/status.php')).json()).toMatchObject({ installed: true, maintenance: true })
  })
})

describe('ex-app/status', () => {
  const report = (body: unknown, headers: Record<string, string> = {}, method = 'PUT'): Promise<Response> =>
    fetch(`${nextcloud.url}/ocs/v1.php/apps/app_api/ex-app/status`, {
      method,
      headers: {
        'EX-APP-ID': 'demo',
        'EX-APP-VERSION': '1.2.3',
        'AUTHORIZATION-APP-API': Buffer.from(':tok').toString('base64'),
        'Content-Type': 'application/json',
        ...headers,
      },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
    })

  it('hears how far an init step is, and answers when that has been dealt with', async () => {
    const heard: unknown[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    nextcloud.onInitProgress(async (appId, progress) => {
      heard.push([appId, progress])
      await promise
    })
    let answered = false
    const answer = report({ progress: 100 }).then((response) => {
      answered = true
      return response.status
    })
    await expect.poll(() => heard).toEqual([['demo', { progress: 100, error: '' }]])
    expect(answered).toBe(false)
    resolve()
    expect(await answer).toBe(200)
  })

  it('believes only the ExApp itself, and only what makes sense', async () => {
    nextcloud.onInitProgress(() => Promise.reject(new Error('heard something')))
    const answers = await Promise.all([
      report({ progress: 1 }, { 'EX-APP-ID': 'nobody' }),
      report({ progress: 1 }, { 'AUTHORIZATION-APP-API': Buffer.from(':other').toString('base64') }),
      report({ progress: 1 }, { 'EX-APP-VERSION': '' }),
      report({ progress: 101 }),
      report({ progress: 'all' }),
      report({ progress: 1 }, {}, 'GET'),
    ])
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 400, 400, 405])
  })
})

describe('the login page', () => {
  async function login(user: string, password: string, query = ''): Promise<Response> {
    const body = new URLSearchParams({ user, password })
    return ask(`/index.php/login${query}`, {}, { method: 'POST', body })
  }

  function cookiesFrom(response: Response): string {
    return response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ')
  }

  it('sets the cookies of a Nextcloud session', async () => {
    const response = await login('user', 'user')
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/')
    const [passphrase, session] = response.headers.getSetCookie()
    expect(passphrase).toMatch(/^oc_sessionPassphrase=[\w%.~!-]+; path=\/; HttpOnly; SameSite=Lax$/)
    expect(session).toMatch(/^ocharpoondemo=[0-9a-f]+; path=\/; HttpOnly; SameSite=Lax$/)

    const cookie = cookiesFrom(response)
    const info = await ask(`${root}/user-info?appId=demo`, { cookie })
    expect(await info.json()).toEqual({ user_id: 'user', access_level: 1 })
  })

  it('needs the session cookie as well as the passphrase', async () => {
    const [passphrase = ''] = (await login('user', 'user')).headers.getSetCookie()
    const info = await ask(`${root}/user-info?appId=demo`, { cookie: passphrase.split(';')[0] ?? '' })
    expect(await info.json()).toEqual({ user_id: '', access_level: 0 })
  })

  it('refuses a wrong password', async () => {
    const response = await login('user', 'wrong')
    expect(response.status).toBe(401)
    expect(await response.text()).toContain('Wrong login or password.')
  })

  it.each([
    ['/exapps/demo/page?x=1', '/exapps/demo/page?x=1'],
    ['//evil.example', '/'],
    ['https://evil.example', '/'],
    ['/\\evil.example', '/'],
  ])('leads on to %s as %s', async (wanted, location) => {
    const response = await login('user', 'user', `?redirect_url=${encodeURIComponent(wanted)}`)
    expect(response.headers.get('location')).toBe(location)
  })

  it('shows the ExApps to whoever is logged in, until the logout', async () => {
    expect((await ask('/')).headers.get('location')).toBe('/index.php/login')
    const cookie = cookiesFrom(await login('admin', 'admin'))
    const start = await (await ask('/', { cookie })).text()
    expect(start).toContain('Hello, admin')
    expect(start).toContain('<a href="/exapps/demo/">demo</a>')
    await ask('/index.php/logout', { cookie })
    expect((await ask('/', { cookie })).status).toBe(303)
  })
})

describe('faults', () => {
  it('answers what it is told, as often as it is told', async () => {
    nextcloud.setFault('exapp-meta', { kind: 'answer', status: 500, body: '<html>', contentType: 'text/html' }, 1)
    const broken = await ask(`${root}/exapp-meta?appId=demo`)
    expect([broken.status, broken.headers.get('content-type'), await broken.text()]).toEqual([500, 'text/html', '<html>'])
    expect((await ask(`${root}/exapp-meta?appId=demo`)).status).toBe(200)
  })

  it('redirects to another origin', async () => {
    nextcloud.setFault('user-info', { kind: 'redirect', location: 'http://127.0.0.1:1/elsewhere' })
    const response = await ask(`${root}/user-info?appId=demo`)
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/elsewhere'])
  })

  it('resets connections and cuts bodies short', async () => {
    nextcloud.setFault('exapp-meta', { kind: 'reset' })
    await expect(ask(`${root}/exapp-meta?appId=demo`)).rejects.toThrow('fetch failed')
    nextcloud.setFault('exapp-meta', { kind: 'cut', body: '{"exapp_token":' })
    await expect(ask(`${root}/exapp-meta?appId=demo`).then((response) => response.text())).rejects.toThrow('terminated')
  })

  it('holds an answer back until the test lets it go', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    nextcloud.setFault('exapp-meta', { kind: 'hold', until: promise })
    let answered = false
    const answer = ask(`${root}/exapp-meta?appId=demo`).then((response) => {
      answered = true
      return response.status
    })
    await expect.poll(() => nextcloud.count('exapp-meta')).toBe(1)
    expect(answered).toBe(false)
    resolve()
    expect(await answer).toBe(200)
  })

  it('hangs until the caller gives up', async () => {
    nextcloud.setFault('exapp-meta', { kind: 'hang' })
    const impatient = { signal: AbortSignal.timeout(50) }
    await expect(ask(`${root}/exapp-meta?appId=demo`, {}, impatient)).rejects.toThrow('timeout')
  })

  it('answers late', async () => {
    nextcloud.setFault('exapp-meta', { kind: 'delay', ms: 60 })
    const start = performance.now()
    expect((await ask(`${root}/exapp-meta?appId=demo`)).status).toBe(200)
    expect(performance.now() - start).toBeGreaterThan(50)
  })
})

describe('the log of calls', () => {
  it('shows each call as it came', async () => {
    await ask(`${root}/exapp-meta?appId=a%20b`, { 'X-Test': 'One' })
    expect(nextcloud.count('exapp-meta')).toBe(1)
    expect(nextcloud.calls).toHaveLength(1)
    const [call] = nextcloud.calls
    expect(call).toMatchObject({
      endpoint: 'exapp-meta',
      method: 'GET',
      url: `${root}/exapp-meta?appId=a%20b`,
      appId: 'a b',
    })
    expect(call?.rawHeaders).toContainEqual(['X-Test', 'One'])
    nextcloud.clearCalls()
    expect([nextcloud.calls.length, nextcloud.count('exapp-meta')]).toEqual([0, 0])
  })

  it('reports what a front passed on', async () => {
    const response = await ask('/echo/a?b', {}, { method: 'PUT', body: 'hello' })
    expect(await response.json()).toMatchObject({
      method: 'PUT',
      url: '/echo/a?b',
      body: { length: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' },
    })
  })

  it('has a WebSocket for the front', async () => {
    const socket = new WebSocket(`${nextcloud.url.replace('http', 'ws')}/push/ws`)
    const echoed = new Promise((resolve) => {
      socket.once('message', (message: Buffer) => resolve(message.toString()))
    })
    socket.once('open', () => socket.send('hello'))
    expect(await echoed).toBe('hello')
    socket.terminate()
  })
})
