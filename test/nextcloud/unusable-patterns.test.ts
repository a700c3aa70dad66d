import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Stage, setStage } from '../request/stage.ts'
import { statusOf } from '../support/send.ts'

let stage: Stage
beforeAll(async () => {
  stage = await setStage()
  stage.nextcloud.addExApp({
    appId: 'patterns',
    port: stage.exApp.port ?? 0,
    routes: [{ url: '([', access_level: 0 }, { url: '(?=/a)/', access_level: 1 }, { url: '/', access_level: 0 }],
  })
})
afterAll(() => stage.close())

it('names each route pattern that cannot be used exactly once, however often it is met', async () => {
  const fetched = () => stage.nextcloud.calls.filter(({ appId }) => appId === 'patterns').length
  for (let n = 1; n <= 3; n++) {
    expect(await statusOf({ port: stage.port, path: '/exapps/patterns/a' })).toBe(403) // the look-ahead might match
    await expect.poll(fetched).toBe(n)
    await expect.poll(() => stage.plane.log.filter(({ msg }) => msg === 'ExApp record loaded').length).toBe(n)
    stage.plane.advance(61_000)
  }
  const reports = stage.plane.log.filter(({ msg }) => msg.startsWith('route pattern cannot be used'))
  expect(reports.map(({ level, app, route, msg }) => ({ level, app, route, msg }))).toEqual([
    { level: 'error', app: 'patterns', route: '([', msg: 'route pattern cannot be used: the route is ignored' },
    { level: 'error', app: 'patterns', route: '(?=/a)/', msg: 'route pattern cannot be used: visitors whom it would refuse are refused, whether it matches or not' },
  ])
})
