import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { Rig, SHARED_KEY, describeWithFrpc } from './rig.ts'
import { startTlsProxy } from './tls-proxy.ts'

const KEY = 'WmVdt7e5VnU4qZfg4nV+vQ=='
const wss = 'transport.protocol = "wss"'

/** The request of a real frpc, except for what a test changes. */
function request({ first = 'GET /~!frp HTTP/1.1', key = KEY, version = '13', more = '' } = {}): string {
  const host = '127.0.0.1:17000'
  return [
    first,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    `Origin: http://${host}`,
    `Sec-WebSocket-Version: ${version}`,
    `${more}\r\n`,
  ].join('\r\n')
}

/** A connection that has said this, and all that it hears. */
async function say(rig: Rig, bytes: string | Buffer): Promise<{ socket: Socket; heard: () => Buffer }> {
  const socket = connect(rig.port, '127.0.0.1').on('error', () => {})
  let heard: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => (heard = Buffer.concat([heard, chunk])))
  await once(socket, 'connect')
  socket.write(bytes)
  return { socket, heard: () => heard }
}

/** Masked, as a client has to. */
function frame(first: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  return Buffer.concat([Buffer.of(first, 0x80 | payload.length), mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))])
}

const ping = Buffer.from('000200010000000000000007', 'hex') // yamux asks for an answer
const pong = Buffer.from('000200020000000000000007', 'hex')

describe('a websocket', () => {
  it('is upgraded with the very headers that frpc wants', async () => {
    await using rig = await Rig.start()
    const { socket, heard } = await say(rig, request())
    const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const expected = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
    await expect.poll(() => heard().toString()).toBe(expected)
    socket.destroy()
  })

  it('takes frames that come with its request, text or binary, and answers in binary', async () => {
    await using rig = await Rig.start()
    for (const opcode of [0x81, 0x82]) {
      const { socket, heard } = await say(rig, Buffer.concat([Buffer.from(request()), frame(opcode, ping)]))
      await expect.poll(() => heard().toString('hex')).toContain(`820c${pong.toString('hex')}`)
      socket.destroy()
    }
  })

  it('answers pings of its own, but not of those who do not read', async () => {
    await using rig = await Rig.start({ limits: { firstMessageMs: 60_000, unauthenticatedMs: 60_000 } })
    const { socket, heard } = await say(rig, Buffer.concat([Buffer.from(request()), frame(0x82, ping), frame(0x89, Buffer.from('alive'))]))
    await expect.poll(() => heard().toString('latin1')).toContain('\x8a\x05alive')
    socket.pause()
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x89, Buffer.alloc(100))))
    const before = process.memoryUsage().rss
    for (let count = 0; count < 500; count += 1) if (!socket.write(flood)) await once(socket, 'drain')
    expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024) // 50 MB of answers
    socket.destroy()
  })

  it('is over with a close frame, and with a frame that no client may send', async () => {
    await using rig = await Rig.start()
    for (const last of [frame(0x88, Buffer.from('03e8', 'hex')), Buffer.from('820161', 'hex')]) {
      const { socket } = await say(rig, Buffer.concat([Buffer.from(request()), frame(0x82, ping), last]))
      await once(socket, 'close')
    }
    await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_unauthenticated_connections 0')
  })

  it('passes a proxy that escapes the odd characters of its path', async () => {
    await using rig = await Rig.start()
    for (const path of ['/%7E!frp', '/~%21frp', '/%7e%21frp?x=1']) {
      const { socket, heard } = await say(rig, request({ first: `GET ${path} HTTP/1.1` }))
      await expect.poll(() => heard().toString()).toContain('101 Switching Protocols')
      socket.destroy()
    }
  })
})

describe('an HTTP request that is no frp websocket', () => {
  it.each([
    ['asks for another path', request({ first: 'GET /~!frpx HTTP/1.1' }), 404],
    ['asks for the path with more behind it', request({ first: 'GET /~!frp/more HTTP/1.1' }), 404],
    ['is a browser’s', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['expects to go on', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n', 404],
    ['has no usable key', request({ key: 'short' }), 400],
    ['has another version', request({ version: '8' }), 400],
    ['is no HTTP', request({ more: 'no header\r\n' }), 400],
    ['has an endless head', request({ more: `X: ${'x'.repeat(20_000)}\r\n` }), 400],
    ['is two at once', `GET / HTTP/1.1\r\nHost: x\r\n\r\n${request()}`, 404],
  ])('because it %s is answered in short and closed', async (_title, text, status) => {
    await using rig = await Rig.start()
    const { socket, heard } = await say(rig, text)
    await once(socket, 'close')
    expect(heard().toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*Connection: close\r\n[^]*: this port is for frp\n$`))
    expect(rig.logLines.join('\n')).toContain(`an HTTP request was answered with ${status}`)
    await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_connections_refused_total{stage="websocket"} 1')
  })
})

describe('layers that nobody needs are refused:', () => {
  it('HTTP within a websocket', async () => {
    await using rig = await Rig.start()
    const { socket } = await say(rig, Buffer.concat([Buffer.from(request()), frame(0x82, Buffer.from('GET /~!frp HTTP/1.1'))]))
    await once(socket, 'close')
    await expect.poll(() => rig.logLines.join('\n')).toContain('the client speaks HTTP within a websocket')
  })

  it('TLS within TLS', async () => {
    await using rig = await Rig.start()
    const socket = connectTls({ port: rig.port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {})
    await once(socket, 'secureConnect')
    socket.write(Buffer.from('160301', 'hex'))
    await once(socket, 'close')
    await expect.poll(() => rig.logLines.join('\n')).toContain('the client speaks TLS within TLS')
  })
})

describeWithFrpc('HARPOON_FRP_WEBSOCKET', (version) => {
  const token = exAppToken(SHARED_KEY, 'test_app')
  const assignedPort = async () => 23_000

  it('mtls, the default, refuses a websocket that a proxy has unwrapped', async () => {
    await using rig = await Rig.start({ tls: true, assignedPort })
    await using proxy = await startTlsProxy(rig.port)
    await rig.startClient({ version, tls: 'anonymous', token, settings: wss, serverPort: proxy.port })
    await expect.poll(() => rig.logLines.join('\n')).toContain('no TLS of ours, around it or inside it, which HARPOON_FRP_WEBSOCKET=mtls demands')
    expect(await rig.metrics.metrics()).not.toContain('harpoon_tunnel_logins_total{')
  })

  it('mtls asks for a certificate, inside and outside', async () => {
    await using rig = await Rig.start({ tls: true })
    for (const settings of [wss, 'transport.protocol = "websocket"']) {
      await rig.startClient({ version, tls: 'anonymous', settings })
    }
    await expect.poll(() => rig.logLines.filter((line) => line.includes('TLS handshake failed')).length).toBeGreaterThanOrEqual(2)
    expect(rig.registry.list()).toEqual([])
  })

  it('token takes no shared key from a websocket without certificate, and says so', async () => {
    await using rig = await Rig.start({ tls: true, websocketPolicy: 'token' })
    await using proxy = await startTlsProxy(rig.port)
    const client = await rig.startClient({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port })
    await client.waitForOutput(/the shared key opens no tunnels through a websocket without client certificate: use the ExApp or engine token/)
    expect(rig.registry.list()).toEqual([])
    await rig.connect({ version, settings: wss }) // with a certificate it still does
  })

  it('mtls lets a websocket in where TLS is switched off, like any other connection: nobody can bring a certificate there', async () => {
    await using rig = await Rig.start({ tls: false, assignedPort })
    await using proxy = await startTlsProxy(rig.port)
    await rig.connect({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port }) // with the shared key
    expect(rig.registry.list()).toHaveLength(1)
  })

  it('token takes no shared key from a websocket where TLS is switched off either, and tokens of one tunnel', async () => {
    await using rig = await Rig.start({ tls: false, websocketPolicy: 'token', assignedPort })
    await using proxy = await startTlsProxy(rig.port)
    const client = await rig.startClient({ version, tls: 'anonymous', settings: wss, serverPort: proxy.port })
    await client.waitForOutput(/the shared key opens no tunnels through a websocket without client certificate/)
    expect(rig.registry.list()).toEqual([])
    await rig.connect({ version, tls: 'anonymous', token, settings: wss, serverPort: proxy.port })
  })

  it('off has no websockets', async () => {
    await using rig = await Rig.start({ tls: true, websocketPolicy: 'off', assignedPort })
    await rig.startClient({ version, settings: wss, token })
    await expect.poll(() => rig.logLines.join('\n')).toContain('an HTTP request was answered with 404')
    expect(rig.registry.list()).toEqual([])
  })
})
