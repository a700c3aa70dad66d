import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { clientCertificate } from './doors.ts'
import { isCut } from './ends.ts'
import { seededBytes } from './seeded-bytes.ts'
import { laySiege, type Siege } from './siege.ts'

const listeners = ['https', 'frp'] as const

/** A TLS record: type, version, length, body. */
const record = (type: number, body: Buffer, length = body.length): Buffer => Buffer.concat([Buffer.of(type, 3, 1, length >> 8, length & 255), body])

const handshakes: Readonly<Record<string, Buffer>> = {
  'half a ClientHello': Buffer.from('16030100c8010000c40303', 'hex'),
  'a ClientHello of nothing': record(22, Buffer.of(1, 0, 0, 0)),
  'a ClientHello of random bytes': record(22, Buffer.concat([Buffer.of(1, 0, 1, 0), seededBytes(1, 256)])),
  'a handshake message of 16 MiB': record(22, Buffer.concat([Buffer.of(1, 0xff, 0xff, 0xff), Buffer.alloc(1000)])),
  'a record longer than TLS has': record(22, Buffer.alloc(20_000), 0xffff),
  'empty records without end': Buffer.concat(Array.from({ length: 10_000 }, () => record(22, Buffer.alloc(0)))),
  'an alert before anything': record(21, Buffer.of(2, 40)),
  'application data before anything': record(23, seededBytes(2, 100)),
  'a heartbeat': record(24, Buffer.of(1, 0x40, 0)),
  'SSL 2': Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0', 'hex'),
}

const [version] = frpVersions
describeWithPeer('a client of TLS', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let siege: Siege
  prepare(async () => {
    siege = await laySiege({ version, tls: true })
  })
  finish(async () => siege[Symbol.asyncDispose]())

  async function tcp(listener: (typeof listeners)[number]): Promise<Socket> {
    const socket = connect({ port: siege.plane.ports[listener] ?? 0, host: '127.0.0.1', localAddress: '127.1.1.5', noDelay: true }).on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  for (const listener of listeners) {
    it.each(Object.entries(handshakes))(`on the ${listener} port is cut for %s, sooner or later`, async (_what, bytes) => {
      const damage = await siege.damageOf(async (keep) => {
        const socket = keep(await tcp(listener))
        socket.write(bytes)
        await isCut(socket, 20_000)
      })
      expect(damage).toEqual([])
    }, 40_000)

    it(`on the ${listener} port is cut when its ClientHello drips`, async () => {
      const damage = await siege.damageOf(async (keep) => {
        const socket = keep(await tcp(listener))
        const hello = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), seededBytes(3, 200)])
        let sent = 0
        const drip = setInterval(() => void socket.write(hello.subarray(sent, ++sent)), 150)
        await isCut(socket, 20_000).finally(() => clearInterval(drip))
      })
      expect(damage).toEqual([])
    }, 40_000)

    it(`on the ${listener} port cannot make us shake hands again and again`, async () => {
      const answers: unknown[] = []
      const damage = await siege.damageOf(async (keep) => {
        const certificate = await clientCertificate(siege.certificates)
        const socket = keep(connectTls({ ...certificate, port: siege.plane.ports[listener] ?? 0, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false }))
        await once(socket, 'secureConnect')
        socket.on('error', () => {})
        const again = new Promise<Error | null>((resolve) => {
          socket.renegotiate({}, resolve)
          socket.once('close', () => resolve(new Error('closed')))
        })
        answers.push(await again)
      })
      expect(answers).toEqual([expect.any(Error)])
      expect(damage).toEqual([])
    })
  }

  it('on the tunnel port without a certificate, or in plain, is cut before it can say a word', async () => {
    const damage = await siege.damageOf(async (keep) => {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const socket = keep(connectTls({ port: siege.plane.ports.frp, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {}))
        socket.write(Buffer.from('000100010000000100000000', 'hex'))
        await isCut(socket)
        const plain = keep(await tcp('frp'))
        plain.write(Buffer.from('000100010000000100000000', 'hex'))
        await isCut(plain)
      }
    })
    expect(damage).toEqual([])
  })

  it('on the tunnel port may stack a ClientHello upon another, a websocket and a marker, and is cut', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const certificate = await clientCertificate(siege.certificates)
      for (const inside of [Buffer.of(0x16), Buffer.of(0x17), handshakes['half a ClientHello'] ?? Buffer.alloc(0)]) {
        const outer = keep(connectTls({ ...certificate, port: siege.plane.ports.frp, host: '127.0.0.1' }).on('error', () => {}))
        await once(outer, 'secureConnect')
        outer.write(inside)
        await isCut(outer)
      }
    })
    expect(damage).toEqual([])
  })
})
