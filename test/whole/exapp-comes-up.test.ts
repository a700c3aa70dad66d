import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Stage, demoApp, directHeaders, setStage } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startExApp } from '../support/exapp.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { sendForAnswer } from '../support/send.ts'

/** No answer may take longer while the ExApp is down: AppAPI would give up at 30 s, visitors much earlier. */
const fastMs = 10_000

/** In a container frpc is there long before the ExApp that it serves. */
for (const version of frpVersions) {
  describeWithPeer('an ExApp that is not up yet, behind its frpc', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: Stage
    let frpc: ChildProcess
    prepare(async () => {
      stage = await setStage({ HP_FRP_DISABLE_TLS: 'false' })
      stage.nextcloud.addExApp({ ...demoApp(23_000), appId: 'late' })
      frpc = await startFrpc({ version, config: configFor(stage) })
      await frpc.waitForOutput(/start proxy success/)
    })
    finish(async () => {
      await frpc.stop()
      await stage.close()
    })
    const heartbeat = async () => {
      const started = performance.now()
      const answer = await sendForAnswer({ port: stage.port, path: '/exapps/late/heartbeat', headers: directHeaders({ 'ex-app-id': 'late' }) })
      return { ...answer, ms: performance.now() - started }
    }

    /** As AppAPI asks: again a second after each answer. */
    const untilGreen = async (): Promise<number> => {
      while ((await heartbeat()).status !== 200) await delay(1000)
      return performance.now()
    }

    it('is told to the key holder with its reason, and to visitors without, at once', async () => {
      const { status, text, ms } = await heartbeat()
      expect([502, 503]).toContain(status)
      expect(text).toMatch(/^the (server behind tunnel|tunnel on remote port) 23000 .*is it running there, and does it listen where frpc is told to reach it\?$/)
      expect(ms).toBeLessThan(fastMs)
      const visitor = await sendForAnswer({ port: stage.port, path: '/exapps/late/public' })
      expect(visitor.text).toMatch(/^50[23] (Bad Gateway|Service Unavailable)$/)
    })

    it('refuses WebSockets at once', async () => {
      const started = performance.now()
      const socket = new WebSocket(`ws://127.0.0.1:${stage.port}/exapps/late/ws`)
      const reason = await new Promise<string>((resolve) => void socket.once('error', ({ message }) => resolve(message)))
      expect(reason).toMatch(/Unexpected server response: 50[23]/)
      expect(performance.now() - started).toBeLessThan(fastMs)
    })

    it('is found by AppAPI, which asks each second, soon after it came up, whatever was asked before', async () => {
      const polls = [untilGreen(), untilGreen()]
      const running = heartbeat()
      expect([502, 503]).toContain((await heartbeat()).status)
      const exApp = await startExApp({ listen: { unixSocket: path.join(stage.plane.certificates, 'exapp.sock') } })
      const upAt = performance.now()
      for (const greenAt of await Promise.all(polls)) expect(greenAt - upAt).toBeLessThan(fastMs)
      expect((await running).ms).toBeLessThan(fastMs)
      await exApp.close()
    }, 40_000)
  })
}

const configFor = ({ plane }: Stage): string =>
  harpClientConfig({
    frpPort: plane.ports.frp,
    sharedKey,
    certificates: path.join(plane.certificates, 'frp'),
    appId: 'late',
    remotePort: 23_000,
    unixSocket: path.join(plane.certificates, 'exapp.sock'),
  })
