import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { freshClient } from '../request/stage.ts'
import { sendForAnswer, statusOf } from '../support/send.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

describeLimits('tables of those who fail', () => {
  let stage: LimitStage
  afterEach(() => stage.close())

  it('hold so many visitors, and forget the one that failed longest ago', async () => {
    stage = await setLimitStage({ HP_BLACKLIST_COUNT: '1' }, { limits: { failingClients: 2 } })
    const fail = (from: string) => statusOf({ port: stage.port, path: '/exapps/demo/user', from })
    const [first, second, third] = [freshClient(), freshClient(), freshClient()]
    expect([await fail(first), await fail(second)]).toEqual([403, 403])
    expect([await fail(first), await fail(second)]).toEqual(['dropped', 'dropped'])
    expect(await stage.timesReached('failing_clients')).toBe(0)
    expect(await fail(third)).toBe(403)
    expect(await stage.timesReached('failing_clients')).toBe(1)
    expect([await fail(second), await fail(third)]).toEqual(['dropped', 'dropped'])
    expect(await fail(first)).toBe(403)
    await stage.expectOthersServed()
  })

  it('hold so many tunnel clients', async () => {
    stage = await setLimitStage({ HP_BLACKLIST_COUNT: '1' }, { limits: { failingClients: 1 } })
    const refusal = async (from: string): Promise<unknown> => {
      using client = await RawClient.connect(stage.plane.ports.frp, from)
      client.login({ metas: { token: 'wrong' } })
      await expect.poll(() => client.heard()).toHaveLength(1)
      return client.heard()[0]?.body
    }
    const [first, second] = [freshClient(), freshClient()]
    await refusal(first)
    expect(await refusal(first)).toMatchObject({ error: 'banned' })
    await refusal(second)
    expect(await refusal(second)).toMatchObject({ error: 'banned' })
    expect(await stage.timesReached('failing_frp_clients')).toBe(1)
    expect(await refusal(first)).toMatchObject({ error: expect.stringContaining('metadatas.token is wrong') })
    await stage.expectOthersServed()
  })

  it('are followed on a port for operators that takes so many connections', async () => {
    stage = await setLimitStage({}, { limits: { adminConnections: 2 } })
    const open = [connect(stage.plane.ports.admin, '127.0.0.1'), connect(stage.plane.ports.admin, '127.0.0.1')]
    await Promise.all(open.map((socket) => once(socket, 'connect')))
    await once(connect(stage.plane.ports.admin, '127.0.0.1').on('error', () => {}).resume(), 'close')
    for (const socket of open) socket.destroy()
    await expect.poll(() => sendForAnswer({ port: stage.plane.ports.admin, path: '/livez' }).then(({ status }) => status, () => 'refused')).toBe(200)
    expect(await stage.timesReached('admin_connections')).toBeGreaterThanOrEqual(1)
    await stage.expectOthersServed()
  })
})
