import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { RawClient } from './raw-client.ts'
import { Rig } from './rig.ts'

async function open(rig: Rig, bytes?: Buffer) {
  const socket = connect(rig.port, '127.0.0.1').on('error', () => {}).resume()
  await once(socket, 'connect')
  if (bytes) socket.write(bytes)
  return socket
}

const stages = [
  ['says nothing', undefined, false],
  ['says nothing, where TLS is on', undefined, true],
  ['begins a TLS handshake and stops', Buffer.from('160301', 'hex'), true],
  ['begins an HTTP request and stops', Buffer.from('GET /~!frp HT'), false],
  ['begins a wire v2 connection and stops', Buffer.from('46525000020d0a00', 'hex'), false],
  ['begins a Login without a multiplexer and stops', Buffer.from('6f0000000000000010', 'hex'), false],
  ['opens a yamux session and no stream', Buffer.from('000200010000000000000000', 'hex'), false],
  ['opens a stream and says nothing on it', Buffer.from('000100010000000100000000', 'hex'), false],
] as const

for (const [title, bytes, tls] of stages) {
  it(`closes a connection that ${title}`, async () => {
    await using rig = await Rig.start({ tls, limits: { firstByteMs: 100, tlsHandshakeMs: 100, upgradeMs: 100, firstMessageMs: 100 } })
    const socket = await open(rig, bytes)
    await once(socket, 'close')
    await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_unauthenticated_connections 0')
  })
}

const strangers = [
  ['random bytes', 'ff'],
  ['HTTP for another path', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex')],
  ['something like HTTP', Buffer.from('GET\0').toString('hex')],
  ['a later wire protocol', '46525000030d0a'],
  ['an endless message without a multiplexer', '6f7fffffffffffffff'],
  ['a message that may not be the first, without a multiplexer', '6800000000000000027b7d'],
  ['a TLS handshake that is none', '160301000401000000'],
  ['a yamux frame of another version', '010000000000000000000000'],
] as const

for (const [title, hex] of strangers) {
  it(`closes a connection that brings ${title}, at once`, async () => {
    await using rig = await Rig.start()
    const started = performance.now()
    const socket = await open(rig, Buffer.from(hex, 'hex'))
    await once(socket, 'close')
    expect(performance.now() - started).toBeLessThan(3000)
    await expect.poll(() => rig.logLines.filter((line) => line.includes('tunnel connection refused'))).toHaveLength(1)
  })
}

it('ends a connection that is busy with one layer after another and never logs in', async () => {
  await using rig = await Rig.start({ limits: { unauthenticatedMs: 200 } })
  const client = await RawClient.connect(rig.port)
  client.open(1)
  client.write(1, Buffer.from('6f0000000000000010', 'hex'))
  await once(client.socket, 'close')
  await expect.poll(() => rig.metrics.metrics()).toContain('harpoon_tunnel_unauthenticated_connections 0')
})

it('resets a second stream before the login', async () => {
  await using rig = await Rig.start()
  const client = await RawClient.connect(rig.port)
  client.open(1)
  client.open(3)
  await expect.poll(() => client.stream(3).isReset).toBe(true)
  client.socket.destroy()
})
