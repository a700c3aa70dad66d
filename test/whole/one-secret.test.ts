import path from 'node:path'
import { expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { type Stage, demoApp, directHeaders, setStage } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { type ExAppStandIn, startExApp } from '../support/exapp.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { send, statusOf } from '../support/send.ts'

/** What somebody can do who has broken into an ExApp and found its token there. */
for (const version of frpVersions) {
  describeWithPeer('the token of an ExApp', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: Stage
    let exApp: ExAppStandIn
    const clients: ChildProcess[] = []
    prepare(async () => {
      stage = await setStage({ HP_FRP_DISABLE_TLS: 'false', HARPOON_TUNNEL_SHARED_KEY: 'false' })
      exApp = await startExApp({ listen: { unixSocket: path.join(stage.plane.certificates, 'exapp.sock') } })
      stage.nextcloud.addExApp({ ...demoApp(23_000), appId: 'broken' })
      stage.nextcloud.addExApp({ ...demoApp(23_001), appId: 'other' })
    })
    finish(async () => {
      for (const client of clients) await client.stop()
      await exApp.close()
      await stage.close()
    })
    const token = exAppToken(sharedKey, 'broken')

    async function dialIn(appId: string, remotePort: number, key = token): Promise<ChildProcess> {
      const certificates = path.join(stage.plane.certificates, 'frp')
      const unixSocket = path.join(stage.plane.certificates, 'exapp.sock')
      const client = await startFrpc({ version, config: harpClientConfig({ frpPort: stage.plane.ports.frp, sharedKey: key, certificates, appId, remotePort, unixSocket }) })
      clients.push(client)
      return client
    }

    it('Q1: opens its own tunnel, but no other ExApp’s and no engine’s, and makes no call', async () => {
      await (await dialIn('broken', 23_000)).waitForOutput(/start proxy success/)
      for (const [appId, port] of [['other', 23_001], ['deploy-daemon-1', 24_001], ['bundled-deploy-daemon', 24_000]] as const) {
        await (await dialIn(appId, port)).waitForOutput(/start error: the token of ExApp \[broken\] opens only the proxy \[broken\]/)
      }
      await (await dialIn('broken', 24_001)).waitForOutput(/start error: Nextcloud assigned port 23000 to the ExApp \[broken\], not 24001/)
      const withToken = { 'harp-shared-key': token }
      expect(await statusOf({ port: stage.port, path: '/exapps/app_api/info', headers: withToken, from: '127.0.9.1' })).toBe(401)
      expect(await statusOf({ port: stage.port, path: '/exapps/app_api/_ping', headers: { ...withToken, 'docker-engine-port': '24000' }, from: '127.0.9.1' })).toBe(401)
      expect(await send({ port: stage.port, path: '/exapps/other/heartbeat', headers: directHeaders(withToken), from: '127.0.9.1' })).toBe('dropped')
    })

    it('Q1: is all that opens tunnels where the shared key is closed for them', async () => {
      const refused = await dialIn('other', 23_001, sharedKey)
      expect(await refused.waitForOutput(/the shared key opens no tunnels.*/)).toContain('use the ExApp or engine token')
    })
  })
}
