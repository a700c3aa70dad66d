import { expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'
import type { ClientOptions, RigOptions } from './rig.ts'
import { startTlsProxy } from './tls-proxy.ts'
import { WORKLOAD_SOCKET, expectToCarryEverything, startWorkload } from './workload.ts'

interface Mode {
  readonly rig?: RigOptions
  readonly client?: Partial<ClientOptions>
  /** Lines of frpc's configuration: before the proxy, and in it. */
  readonly settings?: readonly string[]
  readonly proxySettings?: readonly string[]
  readonly isBehindTlsProxy?: true
}

const websocket = 'transport.protocol = "websocket"'
const wss = 'transport.protocol = "wss"'
const marker = 'transport.tls.disableCustomTLSFirstByte = false'
const noMux = 'transport.tcpMux = false'
const wireV2 = 'transport.wireProtocol = "v2"'
const encryption = 'transport.useEncryption = true'
const compression = 'transport.useCompression = true'
const tls: RigOptions = { tls: true }
const assigned: RigOptions = { assignedPort: async () => 23_000 }
const token = exAppToken(SHARED_KEY, 'test_app')

const modes: Readonly<Record<string, Mode>> = {
  'plain TCP': {},
  'mutual TLS': { rig: tls },
  'mutual TLS behind the 0x17 byte': { rig: tls, settings: [marker] },
  'a websocket': { settings: [websocket] },
  'a websocket with mutual TLS inside': { rig: tls, settings: [websocket] },
  'a websocket with mutual TLS behind the 0x17 byte inside': { rig: tls, settings: [websocket, marker] },
  'wss straight to the server, with mutual TLS': { rig: tls, settings: [wss] },
  'wss through a proxy that ends TLS': {
    rig: { ...tls, ...assigned, websocketPolicy: 'token' },
    client: { tls: 'anonymous', token },
    settings: [wss],
    isBehindTlsProxy: true,
  },
  'a connection for each request': { settings: [noMux] },
  'a connection with mutual TLS for each request': { rig: tls, settings: [noMux] },
  'a websocket with mutual TLS inside for each request': { rig: tls, settings: [noMux, websocket] },
  'encrypted payload': { proxySettings: [encryption] },
  'compressed payload': { proxySettings: [compression] },
  'compressed and encrypted payload': { proxySettings: [encryption, compression] },
  'compressed and encrypted payload, in a connection with mutual TLS for each request': {
    rig: tls,
    settings: [noMux],
    proxySettings: [encryption, compression],
  },
  'a pool of five, and a bandwidth limit that is out of reach': {
    settings: ['transport.poolCount = 5'],
    proxySettings: ['transport.bandwidthLimit = "900MB"', 'transport.bandwidthLimitMode = "server"'],
  },
}

const modesOfWireV2: Readonly<Record<string, Mode>> = {
  'wire v2 and mutual TLS': { rig: tls, settings: [wireV2] },
  'wire v2, a connection for each request': { settings: [wireV2, noMux] },
  'wire v2, compressed and encrypted payload, in a websocket with mutual TLS inside': {
    rig: tls,
    settings: [wireV2, websocket],
    proxySettings: [encryption, compression],
  },
}

describeWithFrpc('requests, transfers and WebSockets pass', (version) => {
  const served = version === '0.61.1' ? modes : { ...modes, ...modesOfWireV2 }
  for (const [title, mode] of Object.entries(served)) {
    it(`through ${title}`, async () => {
      await using rig = await Rig.start(mode.rig)
      await using proxy = mode.isBehindTlsProxy && (await startTlsProxy(rig.port))
      await using _workload = await startWorkload(rig)
      await rig.connect({
        version,
        unixSocket: WORKLOAD_SOCKET,
        settings: mode.settings?.join('\n') ?? '',
        proxySettings: mode.proxySettings?.join('\n') ?? '',
        ...(proxy && { serverPort: proxy.port }),
        ...mode.client,
      })
      await expectToCarryEverything(rig)
      expect(rig.registry.get(23_000)?.bytesReceived).toBeGreaterThan(32 * 1024 * 1024)
    })
  }
})
