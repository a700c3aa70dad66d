import { describe, expect, it } from 'vitest'
import { engineToken, exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'
import type { ClientOptions, RigOptions } from './rig.ts'

type Claim = Omit<ClientOptions, 'version'>

/** Nextcloud knows two ExApps; anybody with the shared key may have been faster than they. */
const assigned: RigOptions = { assignedPort: async (appId) => ({ test_app: 23_000, other_app: 23_001 })[appId] }
const owner: Claim = { name: 'test_app', remotePort: 23_000 }

describe('a squatter with the shared key, alive and well, loses', () => {
  const cases: readonly (readonly [string, Claim, Claim])[] = [
    ['an ExApp’s port to that ExApp', { name: 'squatter', remotePort: 23_000 }, owner],
    ['an ExApp’s port to its token', { name: 'squatter', remotePort: 23_000 }, { ...owner, token: exAppToken(SHARED_KEY, 'test_app') }],
    ['an ExApp’s name and port to its token', owner, { ...owner, token: exAppToken(SHARED_KEY, 'test_app') }],
    ['an engine’s port to its token', { name: 'squatter', remotePort: 24_001 }, { name: 'gpu', remotePort: 24_001, token: engineToken(SHARED_KEY, 'gpu', 24_001) }],
    ['an engine’s name to its token', { name: 'gpu', remotePort: 24_002 }, { name: 'gpu', remotePort: 24_001, token: engineToken(SHARED_KEY, 'gpu', 24_001) }],
  ]
  describeWithFrpc('at once', (version) => {
    for (const [title, squatter, rightful] of cases) {
      it(`${title}, and does not come back`, async () => {
        await using rig = await Rig.start(assigned)
        const evicted = await rig.connect({ version, ...squatter })
        const started = performance.now()
        await rig.startClient({ version, ...rightful })
        await expect.poll(() => rig.registry.list().map(({ proxyName, remotePort }) => [proxyName, remotePort])).toEqual([[rightful.name, rightful.remotePort]])
        expect(performance.now() - started).toBeLessThan(2000)
        await evicted.waitForOutput(/start error: (port already used|proxy \[\w+\] already exists)/)
        expect(rig.logLines.join('\n')).toContain(`[${rightful.name}] has a better right to remote port ${rightful.remotePort}`)
      })
    }
  })
})

describe('a right that is no better', () => {
  const cases: readonly (readonly [string, Claim, Claim, string, RigOptions?])[] = [
    ['does not win against an ExApp that Nextcloud confirms', owner, { name: 'stranger', remotePort: 23_000 }, 'port already used'],
    ['does not win against the same claim', owner, owner, 'proxy [test_app] already exists'],
    ['does not win while Nextcloud cannot be asked', { name: 'other', remotePort: 23_000 }, owner, 'port already used', { assignedPort: async () => Promise.reject(new Error('down')) }],
    ['does not win where Nextcloud knows neither', { name: 'one', remotePort: 23_005 }, { name: 'two', remotePort: 23_005 }, 'port already used'],
  ]
  describeWithFrpc('stays a right of its own', (version) => {
    for (const [title, holder, newcomer, printed, options] of cases) {
      it(`and ${title}`, async () => {
        await using rig = await Rig.start(options ?? assigned)
        await rig.connect({ version, ...holder })
        const refused = await rig.startClient({ version, ...newcomer })
        expect(await refused.waitForOutput(/start error: .*/)).toContain(printed)
        expect(rig.registry.list().map(({ proxyName }) => proxyName)).toEqual([holder.name])
      })
    }
  })
})
