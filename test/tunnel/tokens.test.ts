import { expect, it } from 'vitest'
import { engineToken, exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'

describeWithFrpc('a tunnel token', (version) => {
  it('opens the tunnel of its ExApp', async () => {
    const asked: string[] = []
    await using rig = await Rig.start({ assignedPort: async (appId) => (asked.push(appId), 23_007), allowSharedKey: false })
    await rig.connect({ version, token: exAppToken(SHARED_KEY, 'test_app'), remotePort: 23_007 })
    const response = await rig.pool(23_007).request({ path: '/heartbeat', method: 'GET' })
    expect(response.statusCode).toBe(200)
    expect(asked).toEqual(['test_app'])
    expect(rig.registry.get(23_007)?.owner).toEqual({ kind: 'exapp', appId: 'test_app' })
  })

  it('opens the tunnel of its Docker Engine, without asking Nextcloud', async () => {
    await using rig = await Rig.start({ assignedPort: async () => Promise.reject(new Error('not to be asked')) })
    await rig.connect({ version, token: engineToken(SHARED_KEY, 'gpu', 24_001), name: 'gpu', remotePort: 24_001 })
    expect(rig.registry.get(24_001)?.owner).toEqual({ kind: 'engine', engineName: 'gpu', remotePort: 24_001, generation: '' })
  })

  it('of the previous key still opens it', async () => {
    await using rig = await Rig.start({ sharedKeys: () => ['a new key', SHARED_KEY] })
    await rig.connect({ version, token: engineToken(SHARED_KEY, 'gpu', 24_001), name: 'gpu', remotePort: 24_001 })
    expect(rig.registry.list()).toHaveLength(1)
  })
})
