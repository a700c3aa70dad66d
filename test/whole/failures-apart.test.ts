import { expect, it } from 'vitest'
import { type Stage, setStage } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { sendForAnswer, statusOf } from '../support/send.ts'

/** Everybody comes from one address here, as behind a NAT. */
for (const version of frpVersions) {
  describeWithPeer('behind one address', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let stage: Stage
    prepare(async () => {
      stage = await setStage({ HP_BLACKLIST_COUNT: '3' })
    })
    finish(() => stage.close())
    const logIn = (token: string): Promise<ChildProcess> =>
      startFrpc({
        version,
        config: `serverAddr = "127.0.0.1"\nserverPort = ${stage.plane.ports.frp}\nloginFailExit = true\ntransport.tls.enable = false\nmetadatas.token = "${token}"`,
      })
    const visit = () => statusOf({ port: stage.port, path: '/exapps/demo/public' })
    const banned = async () => {
      const { text } = await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })
      return [/^harpoon_banned_clients (\d+)$/m, /^harpoon_banned_tunnel_clients (\d+)$/m].map((line) => Number(line.exec(text)?.[1]))
    }

    it('Q32: tunnel clients with a wrong token ban no browser, and browsers no tunnel client', async () => {
      for (let n = 0; n < 3; n++) {
        await using wrong = await logIn('a wrong token')
        await wrong.waitForOutput(/metadatas\.token is wrong/)
        await wrong.exited
      }
      await using refused = await logIn('a wrong token')
      await refused.waitForOutput(/banned/)
      expect([await banned(), await visit()]).toEqual([[0, 1], 200])

      stage.plane.advance(301_000) // the ban has passed
      for (let n = 0; n < 3; n++) await statusOf({ port: stage.port, path: '/exapps/unknown/x' })
      expect([await visit(), await banned()]).toEqual(['dropped', [1, 0]])
      await using mistyped = await logIn('a wrong token')
      await mistyped.waitForOutput(/metadatas\.token is wrong/)
      await using right = await logIn(sharedKey)
      await right.waitForOutput(/login to server success/)
    }, 40_000)
  })
}
