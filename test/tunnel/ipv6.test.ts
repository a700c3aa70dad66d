import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { MissingPeer } from '../support/peers/missing.ts'
import { Rig } from './rig.ts'

describeWithPeer('tunnel clients', { name: 'frpc 0.71.0 and IPv6 on loopback', ensure: () => Promise.all([ensureFrp('0.71.0'), ensureIpv6()]) }, () => {
  it('Q20: over IPv6 are known, and banned, by their whole address', async () => {
    const failed: string[] = []
    await using rig = await Rig.start({ host: '::1', failures: { isBanned: () => false, record: (address) => void failed.push(address) } })
    const overIpv6 = (token?: string) => startFrpc({ version: '0.71.0', config: rig.configFor({ version: '0.71.0', ...(token && { token }) }).replace('"127.0.0.1"', '"::1"') })
    await using wrong = await overIpv6('a wrong token')
    await wrong.waitForOutput(/metadatas\.token is wrong/)
    expect(failed[0]).toBe('::1')
    await using right = await overIpv6()
    await right.waitForOutput(/start proxy success/)
    expect(rig.registry.get(23_000)?.clientAddress).toBe('::1')
  })

  it('Q20: over IPv4 are known by the same address where the server listens on both', async () => {
    await using rig = await Rig.start({ host: '::' })
    await rig.connect({ version: '0.71.0' })
    expect(rig.registry.get(23_000)?.clientAddress).toBe('127.0.0.1')
  })
})

/** Loopback has an IPv6 address almost everywhere; some containers are started without. */
async function ensureIpv6(): Promise<void> {
  const server = createServer().listen(0, '::1')
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new MissingPeer('IPv6 on loopback', 'this machine has no address ::1; switch IPv6 on', { cause: error })
  }
  server.close()
  await once(server, 'close')
}
