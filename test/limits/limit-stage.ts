import { expect } from 'vitest'
import type { Environment } from '../../proxy/config.ts'
import type { LimitName } from '../../proxy/limit-reached.ts'
import { type Stage, setStage } from '../request/stage.ts'
import { type LowerLimits, sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { sendForAnswer } from '../support/send.ts'

/** A stage on which a limit is reached, with an ExApp behind a tunnel that has nothing to do with it. */
export interface LimitStage extends Stage {
  /** How often a limit was reached, as operators see it. */
  timesReached(limit: LimitName): Promise<number>
  /** Asks the other ExApp, from an address of its own: its tunnel is the one that it had from the start, and serves. */
  expectOthersServed(): Promise<void>
}

const otherPort = 23_900
const otherClient = '127.9.9.9'

/** A suite that needs frpc for the other ExApp. */
export const describeLimits = (title: string, body: () => void): void =>
  describeWithPeer(title, { name: 'frpc 0.61.1', ensure: () => ensureFrp('0.61.1') }, body)

export async function setLimitStage(environment: Environment = {}, lower: LowerLimits = {}): Promise<LimitStage> {
  const stage = await setStage(environment, lower)
  stage.nextcloud.addExApp({ appId: 'other', port: otherPort, routes: [{ url: '.*', access_level: 0 }] })
  const client = await startFrpc({
    version: '0.61.1',
    config: [
      'serverAddr = "127.0.0.1"',
      `serverPort = ${stage.plane.ports.frp}`,
      'loginFailExit = false',
      'transport.tls.enable = false',
      `metadatas.token = "${sharedKey}"`,
      '[[proxies]]',
      'name = "other"',
      'type = "tcp"',
      `remotePort = ${otherPort}`,
      `localPort = ${stage.exApp.port}`,
    ].join('\n'),
  })
  await client.waitForOutput(/start proxy success/)
  return {
    ...stage,
    timesReached: async (limit) => {
      const { text } = await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })
      const line = text.split('\n').find((candidate) => candidate.startsWith(`harpoon_limit_reached_total{limit="${limit}"}`))
      return Number(line?.split(' ')[1])
    },
    expectOthersServed: async () => {
      expect(await sendForAnswer({ port: stage.port, path: '/exapps/other/echo', from: otherClient })).toMatchObject({ status: 200 })
      expect(client.output()).not.toMatch(/try to connect to server.*try to connect to server/s)
    },
    close: async () => {
      await client.stop()
      await stage.close()
    },
  }
}

