import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Stage, setStage } from '../request/stage.ts'
import { statusOf } from '../support/send.ts'

const visitors = 120

/** For `expect.poll`: hundreds of connections at once take a busy machine some time. */
const patience = { timeout: 15_000 }

describe('a Nextcloud that comes back', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await setStage({ HP_SESSION_LIFETIME: '10' })
    for (let visitor = 0; visitor < visitors; visitor++) stage.nextcloud.setSession(`session-${visitor}`, 'usr')
  })
  afterEach(() => stage.close())

  const visit = (visitor: number) => statusOf({ port: stage.port, path: '/exapps/demo/user', headers: { cookie: `oc_sessionPassphrase=session-${visitor}` } })
  /** Every visitor, three times at once: a page and what belongs to it. */
  const everybody = () => Promise.all(Array.from({ length: visitors * 3 }, (_, n) => visit(n % visitors)))
  const times = (status: number) => Array(visitors * 3).fill(status) as number[]

  it('is asked once about each of those who waited, and about nobody twice', async () => {
    const back = Promise.withResolvers<void>()
    stage.nextcloud.setFault('user-info', { kind: 'hold', until: back.promise })
    const answers = everybody()
    await expect.poll(() => stage.nextcloud.count('user-info'), patience).toBe(100) // as many as may be asked at once
    back.resolve()
    expect(await answers).toEqual(times(200))
    expect([stage.nextcloud.count('user-info'), stage.nextcloud.count('exapp-meta')]).toEqual([visitors, 1])
    expect(await everybody()).toEqual(times(200))
    expect(stage.nextcloud.count('user-info')).toBe(visitors)
  }, 40_000)

  it('is not asked again about what failed until somebody wants it', async () => {
    expect(await visit(0)).toBe(200)
    stage.nextcloud.clearCalls()
    stage.nextcloud.setFault('user-info', { kind: 'reset' })
    expect(await everybody()).toEqual(expect.arrayContaining([401]))
    const whileDown = stage.nextcloud.count('user-info')
    expect(whileDown).toBeLessThan(visitors * 3)
    stage.nextcloud.clearFaults()
    await visit(1)
    expect(stage.nextcloud.count('user-info')).toBe(whileDown + 1)
  }, 40_000)

  it('is asked once about each ExApp whose record has grown old meanwhile, however many visit it', async () => {
    const apps = Array.from({ length: 30 }, (_, n) => `app${n}`)
    for (const appId of apps) stage.nextcloud.addExApp({ appId, port: stage.exApp.port ?? 0, routes: [{ url: '.*', access_level: 0 }] })
    const visitAll = () => Promise.all([...apps, ...apps, ...apps].map((appId) => statusOf({ port: stage.port, path: `/exapps/${appId}/x` })))
    expect(await visitAll()).toEqual(Array(90).fill(200))
    stage.nextcloud.clearCalls()
    stage.nextcloud.setFault('exapp-meta', { kind: 'reset' })
    stage.plane.advance(61_000)
    expect(await visitAll()).toEqual(Array(90).fill(200)) // by the old records
    await expect.poll(() => stage.plane.log.filter(({ msg }) => msg.startsWith('ExApp record could not be refreshed')).length, patience).toBe(30)
    stage.nextcloud.clearFaults()
    stage.nextcloud.clearCalls()
    expect(await visitAll()).toEqual(Array(90).fill(200))
    expect(stage.nextcloud.count('exapp-meta')).toBe(0)
    stage.plane.advance(61_000)
    expect(await visitAll()).toEqual(Array(90).fill(200))
    await expect.poll(() => stage.nextcloud.count('exapp-meta'), patience).toBe(30)
  }, 40_000)
})
