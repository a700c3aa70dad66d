import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { directHeaders, freshClient, type Stage, setStage } from '../request/stage.ts'
import { type Answer, send, sendForAnswer } from '../support/send.ts'

/** Everything that must never be seen outside the request it belongs to. */
const secret = {
  sharedKey: 'geheim-shared-key',
  wrongKey: 'geheim-wrong-key',
  token: 'geheim-app-token',
  cookie: 'geheim-session',
  otherCookie: 'geheim-nc-token',
  password: 'geheim-password',
  bearer: 'geheim-bearer',
  signature: 'geheim-signature',
  query: 'geheim-query',
  body: 'geheim-body',
}

describe('secrets after requests of every kind, at log level debug', () => {
  let stage: Stage
  const answers: Answer[] = []
  beforeAll(async () => {
    stage = await setStage({ HP_SHARED_KEY: secret.sharedKey, HP_LOG_LEVEL: 'debug', HP_TIMEOUT_CONNECT: '200ms' })
    const { nextcloud, exApp, port } = stage
    nextcloud.setSharedKey(secret.sharedKey)
    const routes = [{ url: '/status', access_level: 0 as const, bruteforce_protection: [404] }, { url: '/admin', access_level: 2 as const }, { url: '.*', access_level: 1 as const }, { url: '(?=x)', access_level: 0 as const }]
    nextcloud.addExApp({ appId: 'secretive', port: exApp.port ?? 0, exapp_token: secret.token, routes })
    nextcloud.addExApp({ appId: 'closed', port: 1, exapp_token: secret.token, routes })
    nextcloud.addUser({ id: 'keeper', password: secret.password })
    nextcloud.setSession(secret.cookie, 'keeper')

    const cookie = { cookie: `nc_token=${secret.otherCookie}; oc_sessionPassphrase=${secret.cookie}` }
    const basic = { authorization: `Basic ${Buffer.from(`keeper:${secret.password}`).toString('base64')}` }
    const key = { 'harp-shared-key': secret.sharedKey }
    const wrong = { 'harp-shared-key': secret.wrongKey }
    const signed = directHeaders({ ...key, 'authorization-app-api': Buffer.from(secret.signature).toString('base64') })
    const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) => {
      const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(body.length) }
      const answer = await send({ port, path: `${path}?token=${secret.query}`, method, headers: { ...headers, ...length }, ...(body === undefined ? {} : { body }), from: freshClient() })
      if (answer !== 'dropped') answers.push(answer)
    }
    for (const headers of [{}, cookie, basic, { authorization: `Bearer ${secret.bearer}` }, { ...cookie, ...basic }, { ...cookie, ...key }, wrong, signed, { ...signed, ...wrong }]) {
      for (const path of ['/exapps/secretive/echo', '/exapps/secretive/admin', '/exapps/secretive/status/404', '/exapps/secretive/heartbeat', '/exapps/closed/page', '/exapps/unknown/page', '/exapps/secretive/../x', '/exapps/', '/elsewhere', '/exapps/app_api/info']) {
        await ask(path, headers)
      }
    }
    await ask('/exapps/secretive/echo', cookie, 'POST', secret.body)
    const push = JSON.stringify({ exapp_token: secret.token, exapp_version: '1', host: secret.token, port: 'none', routes: [{ url: secret.token }] })
    await ask('/exapps/app_api/exapp_storage/pushed', key, 'POST', push)
    await ask('/exapps/app_api/exapp_storage/pushed', key, 'POST', `{"exapp_token": ${secret.token}`)
    const json = 'application/json'
    for (const fault of [
      { kind: 'answer', status: 200, body: `{"exapp_token": "${secret.token}", "user_id": "${secret.token}"`, contentType: json },
      { kind: 'answer', status: 200, body: `{"exapp_token": "${secret.token}", "port": "${secret.token}", "user_id": 1}`, contentType: json },
      { kind: 'answer', status: 500, body: secret.token },
      { kind: 'redirect', location: `http://127.0.0.1:1/?${secret.token}` },
      { kind: 'cut', body: secret.token },
      { kind: 'reset' },
    ] as const) {
      nextcloud.setFault('exapp-meta', fault)
      nextcloud.setFault('user-info', fault)
      for (const headers of [cookie, { ...cookie, ...key }]) {
        await ask('/exapps/faulty/page', headers)
        await ask('/exapps/secretive/echo', { ...headers, cookie: `${cookie.cookie}; n=${answers.length}` })
      }
    }
    nextcloud.clearFaults()
  }, 60_000)
  afterAll(() => stage.close())

  const traces = (text: string): string[] => {
    const forms = Object.entries(secret).flatMap(([name, value]) => [value, encodeURIComponent(value), Buffer.from(value).toString('base64').slice(0, -4)].map((form) => [name, form] as const))
    const pairs = [`keeper:${secret.password}`, `keeper:${secret.token}`, `:${secret.token}`].map((pair) => [pair, Buffer.from(pair).toString('base64').slice(0, -4)] as const)
    return [...forms, ...pairs].filter(([, form]) => text.includes(form)).map(([name]) => name)
  }

  it('Q5: are not in the log, which is not empty', () => {
    expect(stage.plane.log.length).toBeGreaterThan(80)
    expect(traces(stage.plane.logText())).toEqual([])
    expect(stage.plane.logText()).not.toContain('geheim')
  })

  it('are not in the metrics', async () => {
    const { text } = await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })
    expect(text).toContain('harpoon_requests_total{app="secretive"')
    expect(traces(text)).toEqual([])
    expect((await sendForAnswer({ port: stage.plane.ports.admin, path: '/readyz' })).text).not.toContain('geheim')
  })

  it('are not in any answer of ours', () => {
    const ours = answers.filter(({ headers }) => String(headers['content-type']).startsWith('text/plain'))
    expect(ours.length).toBeGreaterThan(30)
    for (const { text, rawHeaders } of ours) expect(traces(text + rawHeaders.join('\n'))).toEqual([])
  })

  it('Q4: reach an ExApp only where they belong: its token, never the shared key', () => {
    const passed = answers.filter(({ status, headers }) => status === 200 && String(headers['content-type']).startsWith('application/json')).map(({ text }) => text)
    expect(passed.length).toBeGreaterThan(4)
    for (const text of passed) expect(traces(text).filter((name) => name === 'sharedKey' || name === 'wrongKey')).toEqual([])
  })
})
