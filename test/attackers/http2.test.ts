import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { flag, frame, frameType, getFields, headerBlock, preface, settingsFrame } from '../request/http2-frames.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { httpDoors } from './doors.ts'
import { drip, isCut, pour } from './ends.ts'
import { seededBytes } from './seeded-bytes.ts'
import { laySiege, type Siege } from './siege.ts'

const opening = Buffer.concat([preface, settingsFrame])
const head = (stream: number, path: string, flags: number = flag.endHeaders | flag.endStream): Buffer => frame(frameType.headers, flags, stream, headerBlock(getFields(path)))
const many = (count: number, make: (index: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
const cancel = Buffer.of(0, 0, 0, 8)
const window = (bytes: number): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return payload
}
const priority = Buffer.from('0000000010', 'hex')

/** What breaks rules or limits, and is cut for it. */
const wrong: Readonly<Record<string, Buffer>> = {
  'random bytes after the preface': Buffer.concat([preface, seededBytes(22, 65_536)]),
  'random frames': many(2000, (index) => frame(seededBytes(index, 1).readUInt8(0) % 12, seededBytes(index + 1, 1).readUInt8(0), index, seededBytes(index + 2, 20))),
  'a frame longer than agreed': frame(frameType.data, 0, 1, Buffer.alloc(1_000_000)),
  'a head on stream 0': head(0, '/exapps/demo/x'),
  'a head on an even stream': head(2, '/exapps/demo/x'),
  'the preface twice': preface,
  'a push promise': frame(frameType.push, flag.endHeaders, 1, Buffer.concat([window(2), headerBlock(getFields('/exapps/demo/x'))])),
  'a table size beyond the agreed': frame(frameType.headers, flag.endHeaders | flag.endStream, 1, Buffer.concat([Buffer.from('3fffffff0f', 'hex'), headerBlock(getFields('/exapps/demo/x'))])),
  'a table size that changes without end': frame(frameType.headers, flag.endHeaders | flag.endStream, 1, Buffer.alloc(16_000, 0x20)),
  'an index that no table has': frame(frameType.headers, flag.endHeaders | flag.endStream, 1, Buffer.alloc(4000, 0xff)),
  'a window of 2^31 for the connection': many(2, () => frame(frameType.windowUpdate, 0, 0, window(0x7fffffff))),
  'ten thousand requests taken back at once (rapid reset)': many(10_000, (index) =>
    Buffer.concat([head(1 + 2 * index, '/exapps/demo/slow?ms=50'), frame(frameType.reset, 0, 1 + 2 * index, cancel)])),
  'ten thousand requests at once': many(10_000, (index) => head(1 + 2 * index, '/exapps/demo/slow?ms=50')),
  'ten thousand heads that go on': Buffer.concat([head(1, '/exapps/demo/x', 0), many(10_000, () => frame(frameType.continuation, 0, 1, headerBlock([['x', 'y']])))]),
  'a head that goes on with nothing': Buffer.concat([head(1, '/exapps/demo/x', 0), many(10_000, () => frame(frameType.continuation, 0, 1))]),
  'DATA of nothing': Buffer.concat([head(1, '/exapps/demo/upload', flag.endHeaders), many(10_000, () => frame(frameType.data, 0, 1))]),
  'DATA that is only padding': Buffer.concat([head(1, '/exapps/demo/upload', flag.endHeaders), many(2000, () => frame(frameType.data, 8, 1, Buffer.concat([Buffer.of(255), Buffer.alloc(255)])))]),
}

/** What comes again and again without anything being read. */
const floods: Readonly<Record<string, Buffer>> = {
  'PING': many(5000, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))),
  'SETTINGS': many(5000, () => frame(frameType.settings, 0, 0, Buffer.of(0, 4, 0, 1, 0, 0))),
  'empty SETTINGS': many(5000, () => settingsFrame),
}

/** What costs nobody anything, and goes on until the client has been idle for too long. */
const pointless: Readonly<Record<string, Buffer>> = {
  'PRIORITY of streams that do not exist': many(20_000, (index) => frame(frameType.priority, 0, 1 + 2 * index, priority)),
  'frames of unknown types': many(20_000, () => frame(0xee, 0xff, 0, 'x')),
  'windows for the connection': many(20_000, () => frame(frameType.windowUpdate, 0, 0, window(1))),
  'answers to PING': many(20_000, () => frame(frameType.ping, flag.ack, 0, Buffer.alloc(8))),
}

const [version] = frpVersions
describeWithPeer('a client of HTTP/2', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let siege: Siege
  prepare(async () => {
    siege = await laySiege({ version, tls: true, environment: { HP_BLACKLIST_COUNT: '1000000' } })
  })
  finish(async () => siege[Symbol.asyncDispose]())

  const doors = { 'without TLS': () => httpDoors.http(siege.plane.ports.http, '127.1.1.7'), 'over TLS': () => httpDoors.httpsForHttp2(siege.plane.ports.https ?? 0, '127.1.1.7') }
  for (const [way, open] of Object.entries(doors)) {
    const damageOf = (attack: (stream: Duplex) => Promise<void>): Promise<readonly string[]> => siege.damageOf(async (keep) => attack(keep(await open())))

    it.each(Object.entries(wrong))(`${way} is cut for %s`, async (_what, bytes) => {
      const damage = await damageOf(async (stream) => {
        stream.write(Buffer.concat([opening, bytes]))
        await isCut(stream, 30_000)
      })
      expect(damage).toEqual([])
    }, 60_000)

    it.each(Object.entries(floods))(`${way} is cut for a flood of %s whose answers it does not read`, async (_what, bytes) => {
      const damage = await damageOf(async (stream) => {
        stream.write(opening)
        await pour(stream, bytes)
      })
      expect(damage).toEqual([])
    }, 60_000)

    it.each(Object.entries(pointless))(`${way} is cut for doing nothing but send %s`, async (_what, bytes) => {
      const damage = await damageOf(async (stream) => {
        stream.write(opening)
        await drip(stream, bytes, 300)
      })
      expect(damage).toEqual([])
    }, 60_000)
  }

  it('that opens no window has its hundred long answers wait at their source, and is cut', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const stream = keep(await doors['without TLS']())
      const noWindow = frame(frameType.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0))
      stream.write(Buffer.concat([preface, noWindow, many(100, (index) => head(1 + 2 * index, '/exapps/demo/big?bytes=1073741824'))]))
      await isCut(stream, 60_000) // each answer is given up by itself, when nothing of it has moved for long enough
    })
    expect(damage).toEqual([])
  }, 120_000)

  it('that sends a byte of each of a hundred bodies a second costs a stream each', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const stream = keep(await doors['without TLS']())
      const post = (id: number): Buffer => frame(frameType.headers, flag.endHeaders, id, headerBlock(getFields('/exapps/demo/upload', [], 'POST')))
      stream.resume()
      stream.write(Buffer.concat([opening, many(100, (index) => post(1 + 2 * index))]))
      await expect.poll(async () => (await siege.vitalSigns()).streams, { timeout: 20_000 }).toBeGreaterThanOrEqual(100)
      stream.write(many(100, (index) => frame(frameType.data, 0, 1 + 2 * index, 'x')))
      expect(stream.closed).toBe(false)
    })
    expect(damage).toEqual([])
  }, 60_000)
})
