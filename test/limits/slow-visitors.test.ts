import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sendForAnswer } from '../support/send.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

const MIB = 1024 ** 2

describeLimits('visitors who download and do not read', () => {
  let stage: LimitStage
  let folder: string
  const sockets: Socket[] = []
  const setMemory = (mib: number) => writeFile(join(folder, 'config.yaml'), `HARPOON_TUNNEL_MEMORY_MIB: ${mib}\n`)
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-slow-'))
    await setMemory(16)
    stage = await setLimitStage({ HARPOON_CONFIG: join(folder, 'config.yaml'), HP_TIMEOUT_CLIENT: '60s' })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  })

  const downloadSlowly = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const socket = connect({ port: stage.port, host: '127.0.0.1', localAddress: `127.8.2.${sockets.length + 1}` }).on('error', () => {}).pause()
      socket.write('GET /exapps/other/big?bytes=100000000 HTTP/1.1\r\nHost: x\r\n\r\n')
      sockets.push(socket)
    }
  }

  const metric = async (name: string): Promise<number> => {
    const { text } = await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })
    return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1])
  }

  it('fill the memory of their tunnel’s session and no more; some are cut, others download at full speed meanwhile', async () => {
    downloadSlowly(40)
    await expect.poll(() => stage.timesReached('frp_memory_per_session'), { timeout: 15_000 }).toBeGreaterThan(0)
    expect(await metric('harpoon_tunnel_unread_bytes')).toBeLessThanOrEqual(4 * MIB)
    await stage.expectOthersServed()
    expect(await download('/exapps/other/big?bytes=33554432')).toBe(33_554_432)
    expect(await metric('harpoon_tunnel_unread_bytes')).toBeLessThanOrEqual(4 * MIB)
    const cut = stage.plane.log.filter(({ app, outcome }) => app === 'other' && outcome === 'client-timeout')
    expect(cut).toHaveLength(await stage.timesReached('frp_memory_per_session'))
    await stage.expectOthersServed()
  }, 60_000)

  it('have the memory that the settings say, also when that changes', async () => {
    downloadSlowly(40)
    await expect.poll(() => stage.timesReached('frp_memory_per_session'), { timeout: 15_000 }).toBeGreaterThan(0)
    await setMemory(1024)
    await expect.poll(() => stage.plane.log.map(({ msg }) => msg), { timeout: 10_000 }).toContain('settings read again')
    downloadSlowly(40)
    await expect.poll(() => metric('harpoon_tunnel_unread_bytes'), { timeout: 15_000 }).toBeGreaterThan(5 * MIB)
    await stage.expectOthersServed()
  }, 60_000)

  /** Length of a body that is read as fast as it comes. */
  function download(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = request({ port: stage.port, host: '127.0.0.1', path, agent: false }, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => (bytes += chunk.length))
        response.on('end', () => resolve(bytes)).on('error', reject)
      })
      call.on('error', reject).end()
    })
  }
})
