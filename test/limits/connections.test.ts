import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'
import { connectRaw, type RawClient } from '../request/raw-client.ts'
import { statusOf } from '../support/send.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

const tooMany = /^HTTP\/1.1 503 Service Unavailable\r\n.*\r\n\r\n503: too many connections$/s
const trustedProxy = '127.8.0.1'

describeLimits('visitors’ connections', () => {
  let folder: string
  let stage: LimitStage
  const open: RawClient[] = []
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-limits-'))
    const { cert, key } = await makeThrowAwayCertificate(Date.now())
    await writeFile(join(folder, 'cert.pem'), cert + key)
    stage = await setLimitStage({ HARPOON_MAX_CONNECTIONS: '16', HARPOON_CERTS_DIR: folder, HP_TRUSTED_PROXY_IPS: trustedProxy, HP_TIMEOUT_CLIENT: '60s' })
  })
  afterEach(async () => {
    for (const { socket, closed } of open.splice(0)) {
      socket.destroy()
      await closed
    }
    await vi.waitUntil(async () => (await statusOf({ port: stage.port, path: '/exapps/demo/public' })) === 200)
  })
  afterAll(async () => {
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  })

  const connectFrom = async (address: string, count: number, port = stage.port): Promise<void> => {
    for (let n = 0; n < count; n++) open.push(await connectRaw(port, address))
  }
  /** Connections that the data plane has closed. */
  const refused = (): number => open.filter(({ socket }) => socket.closed || socket.readableEnded).length

  it('are half of all for one address; the next is answered with 503, others are served', async () => {
    const before = await stage.timesReached('http_connections_per_address')
    await connectFrom('127.8.0.2', 8)
    expect(await (await connectRaw(stage.port, '127.8.0.2')).closed).toMatch(tooMany)
    expect(await stage.timesReached('http_connections_per_address')).toBe(before + 1)
    expect(refused()).toBe(0)
    await stage.expectOthersServed()
    open.pop()?.socket.destroy()
    await expect.poll(() => statusOf({ port: stage.port, path: '/exapps/demo/public', from: '127.8.0.2' })).toBe(200)
  })

  it('are as many as there may be together, with HTTPS and without', async () => {
    const before = await stage.timesReached('http_connections')
    await connectFrom('127.8.0.3', 8, stage.plane.ports.https)
    await connectFrom('127.8.0.4', 7)
    await stage.expectOthersServed()
    await connectFrom('127.8.0.4', 1)
    expect(await (await connectRaw(stage.port, '127.8.0.5')).closed).toMatch(tooMany)
    expect(await (await connectRaw(stage.plane.ports.https ?? 0, '127.8.0.5')).closed).toBe('')
    expect(await stage.timesReached('http_connections')).toBe(before + 2)
    expect(refused()).toBe(0)
    open.pop()?.socket.destroy()
    await expect.poll(() => stage.expectOthersServed().then(() => 'served', () => 'not yet')).toBe('served')
  })

  it('of a trusted proxy are other people’s, and count only together', async () => {
    const before = await stage.timesReached('http_connections_per_address')
    await connectFrom(trustedProxy, 14)
    await stage.expectOthersServed()
    expect(await stage.timesReached('http_connections_per_address')).toBe(before)
    expect(refused()).toBe(0)
  })
})
