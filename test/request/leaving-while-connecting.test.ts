import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LeavingClient, connectToLeave } from './leaving-client.ts'
import { type Stage, setStage } from './stage.ts'
import { startStoppedListener } from './stopped-listener.ts'

const soon = { timeout: 2_000, interval: 20 }

describe('a client that leaves before its request has a connection to the ExApp', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CONNECT: '60s' })
  })
  afterAll(() => stage.close())

  const gone = () => stage.plane.log.filter(({ outcome }) => outcome === 'client-gone').length
  const connecting = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'ConnectWrap').length
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
})
