import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statusOf } from '../support/send.ts'
import { freshClient, setStage, type Stage } from '../request/stage.ts'
import { callApi, recordFor } from './call.ts'

describe('an absurd app id', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage()
  })
  afterAll(() => stage.close())

  const record = (): string => recordFor(stage.exApp.port)
  const push = (id: string) => callApi(stage.port, `/exapp_storage/${id}`, { method: 'POST', body: record() })
  const forget = (id: string) => callApi(stage.port, `/exapp_storage/${id}`, { method: 'DELETE' })
  const visit = (id: string) => statusOf({ port: stage.port, path: `/exapps/${id}/x`, from: freshClient() })

  it.each([
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'null',
    'undefined',
    '0',
    '-',
    '*',
    '~',
    ':x',
    ';',
    "'",
    '(',
    'heartbeat',
  ])('such as %s is an id like any other', async (id) => {
    expect((await forget(id)).status).toBe(404)
    expect(await visit(id)).toBe(404)
    expect((await push(id)).status).toBe(204)
    expect(await visit(id)).toBe(200)
    expect((await forget(id)).status).toBe(204)
    expect((await forget(id)).status).toBe(404)
  })

  it('may be our own, and the control API stays closed to visitors', async () => {
    expect((await push('app_api')).status).toBe(204)
    expect(await visit('app_api')).toBe(401)
  })

  it.each(['%', '%z', '%zz', 'a%', '%ff', '%c0%ae', '%u0041', 'x'.repeat(101), 'x'.repeat(8_000), '%41'.repeat(4_000)])(
    'such as %.20s… is not found and does no harm',
    async (id) => {
      for (const answer of [await push(id), await forget(id)])
        expect(answer).toMatchObject({
          status: 404,
          text: '404: Not Found',
          headers: { 'content-type': 'text/plain; charset=utf-8' },
        })
    },
  )

  it.each([
    '%2e',
    '%2f',
    'a%2fb',
    '%25',
    '%252e%252e',
    '%00',
    '%0d%0aX-Injected:%201',
    '%20',
    '%C3%A9',
    '%F0%9F%98%80',
    '%3Cscript%3E',
  ])('such as %s opens no other app', async (id) => {
    const answer = await push(id)
    expect([204, 404]).toContain(answer.status)
    expect(answer.rawHeaders).not.toContain('X-Injected')
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(200)
    expect([204, 404]).toContain((await forget(id)).status)
  })

  it('drops dot-dot in any spelling before it is an id', async () => {
    for (const id of ['..', '%2e%2e', '.%2E', '..%2fdemo'])
      expect(
        await statusOf({
          port: stage.port,
          path: `/exapps/app_api/exapp_storage/${id}`,
          method: 'DELETE',
          headers: { 'harp-shared-key': 'sk' },
        }),
      ).toBe('dropped')
  })

  it('leaves everybody else alone', async () => {
    expect(({} as Record<string, unknown>)['exapp_token']).toBeUndefined()
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(200)
    expect(await visit('never-pushed')).toBe(404)
  })
})
