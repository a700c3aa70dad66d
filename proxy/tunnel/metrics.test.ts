import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createTunnelMetrics } from './metrics.ts'
import { TunnelRegistry } from './registry.ts'

it('tells what goes on, and forgets tunnels that are gone', async () => {
  const register = new Registry()
  const registry = new TunnelRegistry()
  const metrics = createTunnelMetrics(register, registry)
  metrics.observe({ sessions: () => 2, unauthenticated: () => 3, unreadBytes: () => 5 })
  metrics.login('accepted')
  metrics.login('token')
  metrics.claimRefused('port')
  metrics.connectionRefused('tls')
  const tunnel = {
    proxyName: 'one',
    remotePort: 23_000,
    owner: { kind: 'shared' },
    clientAddress: '192.0.2.1',
    clientVersion: '0.61.1',
    connectedAt: 0,
    openStreams: 4,
    bytesReceived: 500,
    bytesSent: 600,
    open: () => Promise.reject(new Error('not in this test')),
    isAlive: async () => true,
    evict: () => {},
  } as const
  registry.claim(tunnel)

  const lines = async () => (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const always = [
    'harpoon_tunnel_logins_total{outcome="accepted"} 1',
    'harpoon_tunnel_logins_total{outcome="token"} 1',
    'harpoon_tunnel_claims_refused_total{reason="port"} 1',
    'harpoon_tunnel_connections_refused_total{stage="tls"} 1',
    'harpoon_tunnel_sessions 2',
    'harpoon_tunnel_unauthenticated_connections 3',
    'harpoon_tunnel_unread_bytes 5',
    'harpoon_tunnel_waiting_requests 0',
  ]
  expect((await lines()).sort()).toEqual(
    [
      ...always,
      'harpoon_tunnels_connected 1',
      'harpoon_tunnel_open_streams{proxy="one",port="23000"} 4',
      'harpoon_tunnel_bytes_total{proxy="one",port="23000",direction="received"} 500',
      'harpoon_tunnel_bytes_total{proxy="one",port="23000",direction="sent"} 600',
    ].sort(),
  )
  registry.release(tunnel)
  expect((await lines()).sort()).toEqual([...always, 'harpoon_tunnels_connected 0'].sort())
})
