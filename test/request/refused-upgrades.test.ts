import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectRaw } from './raw-client.ts'
import { type Stage, setStage } from './stage.ts'
import { startWatchfulExApp, type WatchfulExApp } from './watchful-exapp.ts'

/** An ExApp that answers a wish for a WebSocket in plain HTTP. */
describe('a plain answer to an upgrade', () => {
  let stage: Stage
  let exApp: WatchfulExApp
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '2s', HP_TIMEOUT_SERVER: '1500ms' })
    exApp = await startWatchfulExApp()
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const upgrade = (path: string, app = 'own'): string =>
    `GET /exapps/${app}${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
  const last = () => exApp.requests.at(-1)

  it('comes whole, however long', async () => {
    const client = await connectRaw(stage.port)
    client.write(upgrade('/large-plain'))
    const answer = await client.closed
    expect(answer.length - answer.indexOf('\r\n\r\n') - 4).toBe(4 * 1024 * 1024)
    expect(stage.plane.log.at(-1)).toMatchObject({ msg: 'forwarded', status: 200 })
  })

  it('is cut when the client reads nothing of it for HP_TIMEOUT_CLIENT, and the ExApp is told', async () => {
    const client = await connectRaw(stage.port)
    client.write(upgrade('/plain'))
    await client.until('200 OK')
    client.socket.pause()
    await expect.poll(last, { timeout: 10_000 }).toMatchObject({ url: '/plain', ended: true })
    await expect.poll(() => stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-gone', app: 'own' })
    client.socket.destroy()
  })

  it('is cut where the ExApp stops in the middle for HP_TIMEOUT_SERVER, and the client sees that the rest is missing', async () => {
    const client = await connectRaw(stage.port)
    client.write(upgrade('/half-plain'))
    expect(await client.closed).toMatch(/content-length: 10\r\n[^]*\r\n\r\nhalf$/)
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'timeout', app: 'own' })
    await expect.poll(last).toMatchObject({ url: '/half-plain', ended: true })
  })

  it('leaves no connection behind when the client never closes its own', async () => {
    const client = await connectRaw(stage.port)
    client.socket.pause()
    client.write(upgrade('/x', 'nobody'))
    await expect.poll(async () => (await connections())['upgraded']).toBe(1)
    await expect.poll(async () => (await connections())['upgraded'], { timeout: 5_000 }).toBe(0)
    client.socket.destroy()
  })

  async function connections(): Promise<Record<string, number>> {
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    const found = metrics.matchAll(/^harpoon_http_connections\{listener="http",protocol="(\w+)"\} (\d+)$/gm)
    return Object.fromEntries([...found].map(([, protocol = '', count]) => [protocol, Number(count)]))
  }
})
