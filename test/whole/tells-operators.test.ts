import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Stage, setStage, userCookie } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { send, sendForAnswer } from '../support/send.ts'

describe('the port for operators', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ HP_FRP_DISABLE_TLS: 'false' })
  })
  afterAll(() => stage.close())
  const ask = (path: string) => sendForAnswer({ port: stage.plane.ports.admin, path })
  const metric = async (line: RegExp) => (await ask('/metrics')).text.split('\n').find((candidate) => line.test(candidate))

  it('says that the process lives', async () => {
    expect(await ask('/livez')).toMatchObject({ status: 200, text: 'ok\n' })
  })

  it('says line by line what is ready, and that Nextcloud being down keeps no traffic away', async () => {
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      text: '[+] running\n[+] settings\n[+] frp certificate ca\n[+] frp certificate server\n[+] frp certificate client\n[+] nextcloud\n[+] certificates of exapps\nready\n',
    })
    stage.nextcloud.setFault('exapp-meta', { kind: 'answer', status: 500 })
    await send({ port: stage.port, path: '/exapps/other/x' })
    const { status, text } = await ask('/readyz')
    expect([status, text]).toEqual([200, expect.stringContaining('[!] nextcloud: the last call (exapp-meta) failed: status\n')])
    stage.nextcloud.clearFaults()
  })

  it('says which certificate has expired', async () => {
    stage.plane.advance(6000 * 86_400_000)
    expect((await ask('/readyz')).text).toMatch(/\[!\] frp certificate server: expired on \d{4}-\d\d-\d\dT/)
    stage.plane.advance(-6000 * 86_400_000)
  })

  it('counts requests by ExApp, outcome and status, and never takes a label from a visitor', async () => {
    await sendForAnswer({ port: stage.port, path: '/exapps/demo/public' })
    await sendForAnswer({ port: stage.port, path: '/exapps/demo/user', headers: { cookie: userCookie } })
    await send({ port: stage.port, path: '/exapps/made-up-name/x' })
    await send({ port: stage.port, path: '/exapps/demo/heartbeat' })
    expect(await metric(/^harpoon_requests_total\{app="demo",outcome="forwarded",status="200"\}/)).toMatch(/ 2$/)
    expect(await metric(/^harpoon_requests_total\{app="demo",outcome="lifecycle-path",status="0"\}/)).toMatch(/ 1$/)
    expect(await metric(/^harpoon_requests_total\{app="",outcome="unknown-exapp",status="404"\}/)).toMatch(/ 1$/)
    expect(await metric(/made-up-name/)).toBeUndefined()
    expect(await metric(/^harpoon_request_duration_seconds_count\{app="demo",outcome="forwarded"\}/)).toMatch(/ 2$/)
  })

  it('counts what was refused before it became a request', async () => {
    const headers = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, '1']))
    expect(await sendForAnswer({ port: stage.port, path: '/exapps/demo/public', headers })).toMatchObject({ status: 400 })
    expect(await metric(/^harpoon_requests_total\{app="",outcome="bad-http",status="400"\}/)).toMatch(/ 1$/)
  })

  it('counts calls to Nextcloud, caches, failing clients and tunnels', async () => {
    expect(await metric(/^harpoon_nextcloud_calls_total\{call="user-info",outcome="200"\}/)).toMatch(/ 1$/)
    expect(await metric(/^harpoon_cached_sessions /)).toBe('harpoon_cached_sessions 1')
    expect(await metric(/^harpoon_cached_exapps /)).toBe('harpoon_cached_exapps 1')
    expect(await metric(/^harpoon_failing_clients /)).toBe('harpoon_failing_clients 1')
    expect(await metric(/^harpoon_banned_clients /)).toBe('harpoon_banned_clients 0')
    expect(await metric(/^harpoon_tunnels_connected /)).toBe('harpoon_tunnels_connected 0')
  })

  it('is not served on the port for visitors', async () => {
    for (const path of ['/livez', '/readyz', '/metrics']) {
      expect(await sendForAnswer({ port: stage.port, path, headers: { 'harp-shared-key': sharedKey } })).toMatchObject({ status: 404 })
    }
  })
})
