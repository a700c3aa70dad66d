import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { clientAddress, isTrusted, peerAddress } from '../../proxy/request/client-address.ts'
import { parseIpNetworks } from '../../proxy/settings/ip-networks.ts'
import type { TunnelProxies } from '../../proxy/tunnel/proxies.ts'
import { Rig, type RigOptions, describeWithFrpc } from './rig.ts'
import { startTlsProxy } from './tls-proxy.ts'

const wss = 'transport.protocol = "wss"'

/** As the data plane has them from HP_TRUSTED_PROXY_IPS. */
function trusted(networks: string): TunnelProxies {
  const list = parseIpNetworks(networks).networks
  return {
    isTrusted: (peer) => isTrusted(peer, list),
    clientBehind: (peer, forwarding) => clientAddress(peerAddress(peer), forwarding, list),
  }
}

/** A server whose failures are kept, where tunnels through an Ingress need no certificate. */
async function startBehindIngress(proxies: TunnelProxies, more: RigOptions = {}): Promise<{ rig: Rig; failed: string[]; asked: string[] }> {
  const failed: string[] = []
  const asked: string[] = []
  const failures = { isBanned: (address: string) => asked.push(address) < 0, record: (address: string) => void failed.push(address) }
  return { rig: await Rig.start({ proxies, failures, ...more }), failed, asked }
}

describeWithFrpc('a websocket through a trusted proxy', (version) => {
  it('is its client’s: in bans, logs and the list of tunnels', async () => {
    const { rig, failed, asked } = await startBehindIngress(trusted('127.0.0.1'))
    await using _rig = rig
    await using proxy = await startTlsProxy(rig.port, 'X-Forwarded-For: 198.51.100.9, 203.0.113.7')
    const refused = await rig.startClient({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port, token: 'wrong' })
    await refused.waitForOutput(/metadatas\.token is wrong/)
    expect(new Set([...failed, ...asked])).toEqual(new Set(['203.0.113.7'])) // not what the client itself wrote left of it
    await refused.stop()

    await rig.connect({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port })
    expect(rig.registry.list()).toMatchObject([{ clientAddress: '203.0.113.7' }])
    expect(rig.logLines.filter((line) => line.includes('"client"')).every((line) => line.includes('"client":"203.0.113.7"'))).toBe(true)
  })

  it('is the proxy’s where it says nothing', async () => {
    const { rig } = await startBehindIngress(trusted('127.0.0.1'))
    await using _rig = rig
    await using proxy = await startTlsProxy(rig.port)
    await rig.connect({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port })
    expect(rig.registry.list()).toMatchObject([{ clientAddress: '127.0.0.1' }])
  })

  it('is the proxy’s where nobody trusts it', async () => {
    const { rig, failed } = await startBehindIngress(trusted('10.0.0.0/8'))
    await using _rig = rig
    await using proxy = await startTlsProxy(rig.port, 'X-Forwarded-For: 203.0.113.7')
    const client = await rig.startClient({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port, token: 'wrong' })
    await client.waitForOutput(/metadatas\.token is wrong/)
    expect(new Set(failed)).toEqual(new Set(['127.0.0.1']))
  })
})

describe('connections without login through a trusted proxy', () => {
  const ask = async (rig: Rig, ...lines: readonly string[]): Promise<Socket> => {
    const socket = connect(rig.port, '127.0.0.1').on('error', () => {}).resume()
    await once(socket, 'connect')
    socket.write(['GET /~!frp HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: WmVdt7e5VnU4qZfg4nV+vQ==', 'Sec-WebSocket-Version: 13', ...lines, '\r\n'].join('\r\n'))
    return socket
  }

  it('are counted for each client apart, and not for the proxy', async () => {
    const { rig } = await startBehindIngress(trusted('127.0.0.1'), { limits: { unauthenticatedConnectionsPerAddress: 1, unauthenticatedConnections: 4 } })
    await using _rig = rig
    const waiting = (count: number) => expect.poll(() => rig.metrics.metrics()).toContain(`harpoon_tunnel_unauthenticated_connections ${count}\n`)
    const first = await ask(rig, 'X-Forwarded-For: 203.0.113.7')
    await ask(rig, 'X-Forwarded-For: 198.51.100.9', 'X-Forwarded-For: 203.0.113.8')
    await ask(rig, 'X-Real-IP: 203.0.113.9')
    await waiting(3)
    await once(await ask(rig, 'X-Forwarded-For: 203.0.113.8'), 'close')
    await expect.poll(() => rig.logLines.join('\n')).toContain('too many connections without login from one address')
    await waiting(3)
    await ask(rig, 'X-Forwarded-For: 203.0.113.10')
    await waiting(4)
    const closed = once(first, 'close')
    await ask(rig, 'X-Forwarded-For: 203.0.113.11')
    await closed
    await expect.poll(() => rig.logLines.at(-1)).toContain('too many connections without login, and it was the oldest')
    await waiting(4)
  })
})
