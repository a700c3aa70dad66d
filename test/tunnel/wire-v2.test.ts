import { once } from 'node:events'
import { expect, it } from 'vitest'
import { encodeFrameV2 } from '../../proxy/tunnel/protocol/codec-v2.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { RawConnection } from './raw-connection.ts'
import { Rig } from './rig.ts'

const MAGIC = Buffer.from('46525000020d0a', 'hex')

function hello(algorithm: string): Buffer {
  const clientRandom = Buffer.alloc(32).toString('base64')
  const capabilities = { message: { codecs: ['json'] }, crypto: { algorithms: [algorithm], clientRandom } }
  return encodeFrameV2(1, Buffer.from(JSON.stringify({ capabilities })))
}

function message(id: number, body: object): Buffer {
  return encodeFrameV2(16, Buffer.concat([Buffer.of(0, id), Buffer.from(JSON.stringify(body))]))
}

/** What is heard after this was said, once the connection is closed. */
async function answerTo(rig: Rig, ...parts: readonly Buffer[]): Promise<string> {
  const connection = await RawConnection.open(rig.port)
  const closed = once(connection.socket, 'close')
  connection.socket.write(Buffer.concat([MAGIC, ...parts]))
  await closed
  return connection.received.toString()
}

it('closes a login of wire v2 that has no hello, without a word', async () => {
  await using rig = await Rig.start()
  expect(await answerTo(rig, message(1, { metas: {} }))).toBe('')
  expect(rig.logLines.join('\n')).toContain('a Login of wire v2 without ClientHello')
})

it('says that it has no common encryption, and nothing more', async () => {
  await using rig = await Rig.start()
  const answer = await answerTo(rig, hello('xchacha20-poly1305'), message(1, { metas: {} }))
  expect(answer).toContain('"error":"no common encryption algorithm: this server has aes-256-gcm"')
  expect(answer).not.toContain('version')
  expect(await rig.metrics.metrics()).toContain('harpoon_tunnel_logins_total{outcome="hello"} 1')
})

it('answers a hello before it refuses the login', async () => {
  await using rig = await Rig.start()
  const answer = await answerTo(rig, hello('aes-256-gcm'), message(1, { metas: { token: 'wrong' }, privilege_key: '', timestamp: 1 }))
  expect(answer).toMatch(/"serverRandom":"[^"]{44}"[^]*"error":"metadatas.token is wrong/)
})

it('closes a hello on a work connection', async () => {
  await using rig = await Rig.start()
  expect(await answerTo(rig, hello('aes-256-gcm'), message(6, { run_id: '0123456789abcdef' }))).toBe('')
})

describeWithPeer('on wire v2', { name: 'frpc 0.71.0', ensure: () => ensureFrp('0.71.0') }, () => {
  const wireV2 = 'transport.wireProtocol = "v2"'

  it('frpc prints why it was refused', async () => {
    await using rig = await Rig.start()
    const client = await rig.startClient({ version: '0.71.0', token: 'a wrong token', settings: wireV2 })
    await client.waitForOutput(/metadatas\.token is wrong/)
    const refused = await rig.startClient({ version: '0.71.0', remotePort: 1, settings: wireV2 })
    await refused.waitForOutput(/start error: port not allowed/)
    expect(rig.registry.list()).toEqual([])
  })

  it('frpc comes back with its run id after its session was cut', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.connect({ version: '0.71.0', settings: wireV2 })
    rig.registry.get(23_000)?.evict('cut by the test')
    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(response.statusCode).toBe(200)
  })
})
