import { describe, expect, it } from 'vitest'
import type { EngineList } from '../../proxy/tunnel/engine-list.ts'
import { engineToken, exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'
import type { ClientOptions, RigOptions } from './rig.ts'

type Case = readonly [title: string, client: Omit<ClientOptions, 'version'>, printed: string, server?: RigOptions]

const assigns23001: RigOptions = { assignedPort: async (appId) => (appId === 'test_app' ? 23_001 : undefined) }
const exapp = exAppToken(SHARED_KEY, 'test_app')
const engine = engineToken(SHARED_KEY, 'gpu', 24_001)

const cases: readonly Case[] = [
  ['a port that is no ExApp’s and no engine’s', { remotePort: 22_999 }, 'port not allowed'],
  ['a port beyond those of engines', { remotePort: 24_100 }, 'port not allowed'],
  ['any port', { remotePort: 0 }, 'port not allowed'],
  [
    'the port of the engine beside the server',
    { remotePort: 24_000 },
    'port not allowed: this server uses 24000 itself, for the Docker Engine beside it',
    { isPortReserved: (port) => port === 24_000 },
  ],
  [
    'another port than Nextcloud assigned, with the shared key',
    {},
    'Nextcloud assigned port 23001 to the ExApp [test_app], not 23000: set remotePort to 23001',
    assigns23001,
  ],
  [
    'another port than Nextcloud assigned, with the ExApp’s token',
    { token: exapp },
    'Nextcloud assigned port 23001 to the ExApp [test_app], not 23000: set remotePort to 23001',
    assigns23001,
  ],
  ['another ExApp’s name', { token: exapp, name: 'other' }, 'the token of ExApp [test_app] opens only the proxy [test_app], not [other]'],
  [
    'a name with the prefix that frpc’s `user` adds',
    { token: exapp, settings: 'user = "me"' },
    'the token of ExApp [test_app] opens only the proxy [test_app], not [me.test_app]',
  ],
  ['an ExApp that Nextcloud does not know', { token: exapp }, 'Nextcloud does not know the ExApp [test_app]'],
  [
    'an ExApp’s port while Nextcloud is down',
    { token: exapp },
    'Nextcloud could not be asked which port the ExApp [test_app] has',
    { assignedPort: async () => Promise.reject(new Error('down')) },
  ],
  [
    'an ExApp’s port while Nextcloud hangs',
    { token: exapp },
    'Nextcloud could not be asked which port the ExApp [test_app] has',
    { assignedPort: () => new Promise(() => {}), limits: { assignedPortMs: 50 } },
  ],
  [
    'another engine’s port',
    { token: engine, name: 'gpu', remotePort: 24_002 },
    'the token of Docker Engine [gpu] opens only the proxy [gpu] on remotePort 24001, not [gpu] on 24002',
  ],
  ['the port of an engine when the list of engines has no such name', { name: 'gpu', remotePort: 24_001 }, 'the list of engines of this server has no [gpu]', { engines: () => [] }],
  [
    'another port than the list of engines says',
    { name: 'gpu', remotePort: 24_002 },
    'the list of engines of this server gives [gpu] the remotePort 24001, not 24002',
    { engines: () => [{ name: 'gpu', port: 24_001, generation: '' }] },
  ],
  ['a group', { proxySettings: 'loadBalancer.group = "all"' }, 'loadBalancer.group is not supported by this server'],
]

describeWithFrpc('frpc prints why it', (version) => {
  for (const [title, client, printed, server] of cases) {
    it(`Q3: does not get ${title}`, async () => {
      await using rig = await Rig.start(server)
      const frpc = await rig.startClient({ version, ...client })
      const line = await frpc.waitForOutput(/start error: .*/)
      expect(line).toContain(`start error: ${printed}`)
      expect(rig.registry.list()).toEqual([])
      expect(await rig.metrics.metrics()).toMatch(/harpoon_tunnel_claims_refused_total{reason="\w+"} 1/)
    })
  }

  it('Q3: does not get a second tunnel, or another type of proxy, while the first one works', async () => {
    await using rig = await Rig.start()
    const others = ['udp', 'stcp'].map((type) => `[[proxies]]\nname = "of type ${type}"\ntype = "${type}"\nlocalPort = 9\n`)
    const proxies = `${others.join('')}[[proxies]]\nname = "zz-second"\ntype = "tcp"\nremotePort = 23_001\nlocalPort = 9\n`
    const frpc = await rig.startClient({ version, proxies: proxies.replace('stcp"\n', 'stcp"\nsecretKey = "x"\n') })

    await frpc.waitForOutput(/proxy type \[udp\] is not supported by this server/)
    await frpc.waitForOutput(/proxy type \[stcp\] is not supported by this server/)
    await frpc.waitForOutput(/exceed the max_ports_per_client/)
    await frpc.waitForOutput(/start proxy success/)
    const [tunnel] = rig.registry.list()
    expect(rig.registry.list()).toHaveLength(1)
    expect(['test_app', 'zz-second']).toContain(tunnel?.proxyName) // frpc claims in any order
  })

  it('does not get an engine’s tunnel that is struck off the list while Nextcloud is asked', async () => {
    let engines: EngineList = [{ name: 'gpu', port: 24_001, generation: '' }]
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const asked: string[] = []
    await using rig = await Rig.start({ engines: () => engines, assignedPort: (appId) => (asked.push(appId), promise) })
    const frpc = await rig.startClient({ version, name: 'gpu', remotePort: 24_001 })
    await expect.poll(() => asked).toEqual(['gpu'])
    engines = []
    rig.server.enginesChanged()
    resolve(undefined)
    await frpc.waitForOutput(/start error: the list of engines of this server has no \[gpu\]/)
    expect(rig.registry.list()).toEqual([])
  })

  it('Q3: does not get a name or a port whose holder answers', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version })
    const sameName = await rig.startClient({ version, remotePort: 23_001 })
    await sameName.waitForOutput(/start error: proxy \[test_app\] already exists/)
    const samePort = await rig.startClient({ version, name: 'other' })
    await samePort.waitForOutput(/start error: port already used/)
    expect(rig.registry.list()).toHaveLength(1)
  })
})

describe('the shared key', () => {
  for (const [title, assignedPort] of [
    ['when Nextcloud knows no such app', async () => undefined],
    ['when Nextcloud assigned that port', async () => 23_000],
    ['when Nextcloud is down', async () => Promise.reject(new Error('down'))],
  ] as const) {
    describeWithFrpc(`opens a tunnel ${title}`, (version) => {
      it('and carries a request', async () => {
        await using rig = await Rig.start({ assignedPort })
        await rig.connect({ version })
        const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
        expect(response.statusCode).toBe(200)
      })
    })
  }
})
