import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectHttp2, type Http2Client } from './http2-client.ts'
import { type LeavingClient, connectToLeave } from './leaving-client.ts'
import { type Stage, setStage } from './stage.ts'
import { startStoppedListener } from './stopped-listener.ts'
import { startWatchfulExApp, type WatchfulExApp } from './watchful-exapp.ts'

const soon = { timeout: 2_000, interval: 20 }

describe('a client that leaves before its request has a connection to the ExApp', () => {
  let stage: Stage
  let exApp: WatchfulExApp
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CONNECT: '60s' })
    exApp = await startWatchfulExApp()
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const gone = () => stage.plane.log.filter(({ outcome }) => outcome === 'client-gone').length
  const connecting = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'ConnectWrap').length
  const running = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    return Number(/^harpoon_requests_running (\d+)$/m.exec(metrics)?.[1])
  }
  const ask = async (path: string): Promise<LeavingClient> => {
    const client = await connectToLeave(stage.port, false)
    await client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    return client
  }

  it.each(['closes', 'resets'] as const)('ends the connecting with it: it %s', async (how) => {
    await using listener = await startStoppedListener()
    stage.nextcloud.addExApp({ appId: `${how}-stopped`, port: listener.port, routes: [{ url: '.*', access_level: 0 }] })
    const [before, left] = [connecting(), gone()]
    const client = await ask(`/exapps/${how}-stopped/x`)
    await expect.poll(connecting).toBe(before + 1)
    client.leave(how)
    await expect.poll(gone, soon).toBe(left + 1)
    await expect.poll(connecting, soon).toBe(before)
  })

  it('leaves the queue of those for whom there is no connection, and the ExApp never hears of it', async () => {
    stage.nextcloud.addExApp({ appId: 'busy', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
    // As many as one ExApp is sent at once: ten connections with as many streams as they may have.
    const crowd: Http2Client[] = Array.from({ length: 10 }, () => connectHttp2(stage.port))
    const answers = crowd.flatMap((client) => Array.from({ length: 100 }, () => client.ask({ path: '/exapps/busy/silent' })))
    await expect.poll(() => exApp.requests.length, { timeout: 40_000 }).toBe(1000)
    const left = gone()
    const leaver = await ask('/exapps/busy/leaves')
    const patient = await ask('/exapps/busy/event')
    await expect.poll(running).toBe(1002)
    leaver.leave('closes')
    await expect.poll(gone, soon).toBe(left + 1)
    for (const client of crowd) client.close()
    await Promise.all(answers)
    await patient.until('data: 1')
    patient.leave('closes')
    await expect.poll(() => exApp.requests.filter(({ ended }) => !ended)).toEqual([])
    expect(exApp.requests.map(({ url }) => url)).not.toContain('/leaves')
  }, 60_000)
})
