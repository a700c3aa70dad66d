import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { sharedKey, startTestDataPlane, type TestDataPlane } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { makeLikeHarp } from '../support/frp-certificates.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'

for (const version of frpVersions) {
  describeWithPeer('with TLS switched off after it was on', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let certs: string
    let plane: TestDataPlane
    prepare(async () => {
      certs = await mkdtemp(path.join(tmpdir(), 'harpoon-tls-off-'))
      await makeLikeHarp(path.join(certs, 'frp'))
      plane = await startTestDataPlane('http://127.0.0.1:9', { HARPOON_CERTS_DIR: certs, HP_FRP_DISABLE_TLS: 'true' })
    })
    finish(async () => {
      await plane.close()
      await rm(certs, { recursive: true, force: true })
    })
    const configFor = (appId: string, remotePort: number): string =>
      harpClientConfig({ frpPort: plane.ports.frp, sharedKey, certificates: path.join(certs, 'frp'), appId, remotePort, unixSocket: '/none' })

    it('Q21: an ExApp that was set up before still trusts the server, and one without certificates comes too', async () => {
      await using before = await startFrpc({ version, config: configFor('before', 23_000) })
      await before.waitForOutput(/start proxy success/)
      const plain = configFor('after', 23_001).replace(/^transport\.tls\..*$/gm, '').replace('loginFailExit', 'transport.tls.enable = false\nloginFailExit')
      await using after = await startFrpc({ version, config: plain })
      await after.waitForOutput(/start proxy success/)
      expect(plane.log.filter(({ msg }) => msg === 'tunnel connected').map(({ proxyName }) => proxyName)).toEqual(['before', 'after'])
    })
  })
}
