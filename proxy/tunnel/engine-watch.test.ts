import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import type { EngineList } from './engine-list.ts'
import { EngineWatch } from './engine-watch.ts'
import { type RegisteredTunnel, TunnelRegistry } from './registry.ts'

const tunnel = (proxyName: string, remotePort: number): RegisteredTunnel => ({
  proxyName,
  remotePort,
  owner: { kind: 'shared' },
  clientAddress: '192.0.2.1',
  clientVersion: '0.71.0',
  connectedAt: 0,
  openStreams: 0,
  bytesReceived: 0,
  bytesSent: 0,
  open: () => Promise.reject(new Error('not in this test')),
  isAlive: async () => true,
  evict: () => {},
})

it('says of each listed engine whether it is connected, and follows the list', async () => {
  const [registry, register] = [new TunnelRegistry(), new Registry()]
  let list: EngineList
  const watch = new EngineWatch({ registry, register, list: () => list })
  const lines = async () => (await register.metrics()).split('\n').filter((line) => line.startsWith('harpoon_'))
  expect([watch.problem, await lines()]).toEqual([undefined, []])

  list = [{ name: 'gpu', port: 24_001, generation: '' }, { name: 'cpu', port: 24_002, generation: '2' }]
  registry.claim(tunnel('gpu', 24_001))
  registry.claim(tunnel('not the listed one', 24_002))
  registry.claim(tunnel('an ExApp', 23_000))
  expect(watch.problem).toBe('not connected: cpu (24002)')
  expect(await lines()).toEqual(['harpoon_engine_connected{engine="gpu",port="24001"} 1', 'harpoon_engine_connected{engine="cpu",port="24002"} 0'])

  list = [{ name: 'gpu', port: 24_001, generation: '' }]
  expect([watch.problem, await lines()]).toEqual([undefined, ['harpoon_engine_connected{engine="gpu",port="24001"} 1']])
})
