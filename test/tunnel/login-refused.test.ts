import { expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'

describeWithFrpc('a login that is refused', (version) => {
  it('says that the token is wrong, and is counted against the address', async () => {
    const failed: string[] = []
    await using rig = await Rig.start({ failures: { isBanned: () => false, record: (address) => void failed.push(address) } })
    const client = await rig.startClient({ version, token: 'a wrong token' })
    await client.waitForOutput(/metadatas\.token is wrong: it has to be the shared key or a tunnel token of this server/)
    expect(failed[0]).toBe('127.0.0.1')
    expect(await rig.metrics.metrics()).toMatch(/harpoon_tunnel_logins_total{outcome="token"} [1-9]/)
    expect(rig.logLines.join('\n')).not.toContain('a wrong token')
  })

  it('says that the token is missing', async () => {
    await using rig = await Rig.start()
    const client = await rig.startClient({ version, token: '' })
    expect(await client.waitForOutput(/metadatas\.token is missing.*/)).toContain('it has to hold the shared key or a tunnel token')
  })

  it('says that the shared key opens no tunnels where only tokens do, and is no guess at a secret', async () => {
    await using rig = await Rig.start({ allowSharedKey: false, assignedPort: async () => 23_000 })
    const client = await rig.startClient({ version })
    await client.waitForOutput(/the shared key opens no tunnels on this server: use the ExApp or engine token/)
    expect(rig.registry.list()).toEqual([])
    await rig.connect({ version, token: exAppToken(SHARED_KEY, 'test_app') })
  })

  it('says "banned" to a banned address with a wrong token, and does not count that', async () => {
    const failed: string[] = []
    await using rig = await Rig.start({ failures: { isBanned: (address) => address === '127.0.0.1', record: (address) => void failed.push(address) } })
    const client = await rig.startClient({ version, token: 'a wrong token' })
    await client.waitForOutput(/banned/)
    expect(failed).toEqual([])
  })

  it('Q31: never comes to a right token, whatever others behind the same address did', async () => {
    await using rig = await Rig.start({ failures: { isBanned: () => true, record: () => {} } })
    await rig.connect({ version })
    expect(rig.registry.list()).toHaveLength(1)
  })

  it('says to remove auth.token, which this server does not have', async () => {
    await using rig = await Rig.start()
    const client = await rig.startClient({ version, settings: 'auth.token = "something"' })
    const printed = await client.waitForOutput(/token in login doesn't match token from configuration.*/)
    expect(printed).toContain("this server has none, remove auth.token from frpc's configuration")
  })
})
