import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { connectToLeave, type LeavingClient } from '../request/leaving-client.ts'
import { type Stage, setStage } from '../request/stage.ts'
import { startWatchfulExApp, type WatchfulExApp } from '../request/watchful-exapp.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'

const soon = { timeout: 2_000, interval: 20 }

/** More than frpc takes of a stream that nobody reads (6 MiB), by less than is read ahead. */
const uploadBytes = 9 * 1024 ** 2

for (const version of frpVersions) {
  describeWithPeer('an ExApp behind a tunnel', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let folder: string
    let stage: Stage
    let exApp: WatchfulExApp
    let frpc: ChildProcess
    prepare(async () => {
      folder = await mkdtemp(join(tmpdir(), 'harpoon-leave-'))
      stage = await setStage({ HP_FRP_DISABLE_TLS: 'false' })
      exApp = await startWatchfulExApp(join(folder, 'exapp.sock'))
      stage.nextcloud.addExApp({ appId: 'far', host: '127.0.0.1', port: 23_000, routes: [{ url: '.*', access_level: 0 }] })
      const certificates = join(stage.plane.certificates, 'frp')
      frpc = await startFrpc({ version, config: harpClientConfig({ frpPort: stage.plane.ports.frp, sharedKey, certificates, appId: 'far', remotePort: 23_000, unixSocket: join(folder, 'exapp.sock') }) })
      await frpc.waitForOutput(/start proxy success/)
    })
    finish(async () => {
      await frpc.stop()
      await stage.close()
      await exApp.close()
      await rm(folder, { recursive: true, force: true })
    })

    const upgrade = (path: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
    const states: readonly (readonly [string, string, (client: LeavingClient) => Promise<void> | void])[] = [
      ['while it waits for the answer', '/silent', (client) => client.write('GET /exapps/far/silent HTTP/1.1\r\nHost: x\r\n\r\n')],
      ['while it does not read the answer', '/endless', async (client) => {
        await client.write('GET /exapps/far/endless HTTP/1.1\r\nHost: x\r\n\r\n')
        await client.until('200 OK')
        client.pause()
      }],
      ['while its upload is not read', '/unread', (client) => client.write(`POST /exapps/far/unread HTTP/1.1\r\nHost: x\r\nContent-Length: ${uploadBytes}\r\n\r\n${'x'.repeat(uploadBytes)}`)],
      ['while its WebSocket is silent', '/idle-socket', async (client) => {
        await client.write(upgrade('/exapps/far/idle-socket'))
        await client.until('101 Switching')
      }],
      ['while its WebSocket is not read from', '/unread-socket', async (client) => {
        await client.write(upgrade('/exapps/far/unread-socket'))
        await client.until('101 Switching')
        await client.write('x'.repeat(uploadBytes))
      }],
      ['while it does not read from its WebSocket', '/flooding-socket', async (client) => {
        await client.write(upgrade('/exapps/far/flooding-socket'))
        await client.until('101 Switching')
        client.pause()
      }],
    ]

    const running = async (): Promise<number> => {
      const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
      return Number(/^harpoon_requests_running (\d+)$/m.exec(metrics)?.[1])
    }

    for (const [when, url, reach] of states) {
      it.each(['closes', 'resets'] as const)(`is told within 2 s that a client %s ${when}`, async (how) => {
        const client = await connectToLeave(stage.port, false)
        await reach(client)
        await expect.poll(() => exApp.requests.at(-1)).toMatchObject({ url, ended: false })
        client.leave(how)
        await expect.poll(running, soon).toBe(0)
        // frpc does not see our reset while it is stuck in a write to an ExApp that reads nothing.
        if (url.startsWith('/unread')) exApp.requests.at(-1)?.readOn()
        await expect.poll(() => exApp.requests.at(-1), soon).toMatchObject({ url, ended: true })
      })
    }
  })
}
