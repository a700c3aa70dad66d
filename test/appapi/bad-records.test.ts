import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statusOf } from '../support/send.ts'
import { setStage, type Stage } from '../request/stage.ts'
import { callApi } from './call.ts'

const token = 'a-token-that-nobody-may-see'
const good = {
  exapp_token: token,
  exapp_version: '1.0.0',
  host: '127.0.0.1',
  port: 23_000,
  routes: [{ url: '.*', access_level: 0 }],
}

describe('a pushed record that cannot be read', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const push = (body: string | Buffer, id = 'demo') =>
    callApi(stage.port, `/exapp_storage/${id}`, { method: 'POST', body })

  it.each([
    ['cut short', JSON.stringify(good).slice(0, -1)],
    ['cut within the token', `{"exapp_token": "${token}`],
    ['two documents', `${JSON.stringify(good)}{}`],
    ['a bare token', token],
    ['a form', `exapp_token=${token}`],
    ['nothing', ''],
    ['blanks', '  '],
    [
      'no UTF-8',
      Buffer.concat([Buffer.from(`{"exapp_token": "${token}`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    ],
  ])('is refused as no JSON: %s', async (_what, body) => {
    expect(await push(body)).toMatchObject({
      status: 400,
      text: '400: Bad Request: the body is not JSON in UTF-8',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  })

  it.each([
    ['a list', [good], /^400: Bad Request: body: /],
    ['a text', token, /^400: Bad Request: body: /],
    ['null', null, /^400: Bad Request: body: /],
    ['no token', { ...good, exapp_token: undefined }, /exapp_token: /],
    ['a number for a token', { ...good, exapp_token: 5 }, /exapp_token: /],
    ['a list for a token', { ...good, exapp_token: [token] }, /exapp_token: /],
    ['no version', { ...good, exapp_version: undefined }, /exapp_version: /],
    ['no host', { ...good, host: null }, /host: /],
    ['a port of words', { ...good, port: token }, /port: /],
    ['half a port', { ...good, port: 80.5 }, /port: /],
    ['null for routes', { ...good, routes: null }, /routes: /],
    ['a route without a pattern', { ...good, routes: [good.routes[0], { access_level: 0 }] }, /routes\.1\.url: /],
    ['a level that does not exist', { ...good, routes: [{ url: '.*', access_level: 3 }] }, /routes\.0\.access_level: /],
    ['a level of words', { ...good, routes: [{ url: '.*', access_level: token }] }, /routes\.0\.access_level: /],
    ['a number for an address', { ...good, resolved_host: 1 }, /resolved_host: /],
  ])('is refused with the name of the field: %s', async (_what, body, named) => {
    const answer = await push(JSON.stringify(body))
    expect(answer).toMatchObject({ status: 400, headers: { 'content-type': 'text/plain; charset=utf-8' } })
    expect(answer.text).toMatch(/^400: Bad Request: /)
    expect(answer.text).toMatch(named)
    expect(answer.text).not.toContain(token)
  })

  it('names every bad field, but not a thousand of them', async () => {
    const two = await push(JSON.stringify({ ...good, host: 1, port: 'x' }))
    expect(two.text).toMatch(/host: .*; port: /)
    const many = await push(JSON.stringify({ ...good, routes: Array.from({ length: 1000 }, () => ({})) }))
    expect(many.status).toBe(400)
    expect(many.text).toMatch(/; and 1995 more$/)
    expect(many.text.length).toBeLessThan(1000)
  })

  it('changes nothing, also when the app is named differently', async () => {
    const visit = () => statusOf({ port: stage.port, path: '/exapps/demo/public' })
    expect(await visit()).toBe(200)
    for (const body of ['{', JSON.stringify({ ...good, routes: null }), '{"__proto__": {"exapp_token": "x"}}'])
      expect((await push(body)).status).toBe(400)
    expect(await visit()).toBe(200)
  })

  it('leaves no token in the log', () => {
    expect(stage.plane.logText()).toContain('400: Bad Request')
    expect(stage.plane.logText()).not.toContain(token)
  })

  it('may have routes that no engine of patterns takes: the record counts, the route does not', async () => {
    expect(
      (
        await push(
          JSON.stringify({
            ...good,
            port: stage.exApp.port,
            routes: [
              { url: '([', access_level: 0 },
              { url: '^/fine', access_level: 0 },
            ],
          }),
          'half',
        )
      ).status,
    ).toBe(204)
    expect(await statusOf({ port: stage.port, path: '/exapps/half/fine' })).toBe(200)
  })
})
