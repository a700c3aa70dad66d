import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { httpDoors } from './doors.ts'
import { drip, isCut, pour } from './ends.ts'
import { seededBytes } from './seeded-bytes.ts'
import { laySiege, type Siege } from './siege.ts'

const post = 'POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\n'
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`
const kibibytes = (text: string, count = 64): Buffer => Buffer.from(text.repeat(Math.ceil((count * 1024) / text.length)))

/** What is cut for the bytes that it sends. */
const wrong: Readonly<Record<string, string | Buffer>> = {
  'random bytes': seededBytes(11, 65_536),
  'nothing but zeros': Buffer.alloc(65_536),
  'a chunk longer than any number': `${chunked}fffffffffffffffff\r\n`,
  'a chunk with a sign': `${chunked}-1\r\n`,
  'ten thousand requests at once': 'GET /exapps/demo/slow?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000),
  'ten thousand requests at once, each with a body of nothing': `${post}Content-Length: 0\r\n\r\n`.repeat(10_000),
}

/** What begins like this and goes on for ever: as fast as it can, and a piece at a time. */
const endless: Readonly<Record<string, readonly [string, string]>> = {
  'empty lines before a request': ['', '\r\n'],
  'a request line': ['GET /exapps/demo/', 'x'],
  'headers': ['GET /exapps/demo/x HTTP/1.1\r\nHost: x\r\n', 'X: y\r\n'],
  'a header': ['GET /exapps/demo/x HTTP/1.1\r\nX: ', 'y'],
  'the name of a header': ['GET /exapps/demo/x HTTP/1.1\r\n', 'y'],
  'the size of a chunk': [chunked, '0'],
  'an extension of a chunk': [`${chunked}5;`, 'x'],
  'trailers': [`${chunked}0\r\n`, 'X: y\r\n'],
}

const [version] = frpVersions
describeWithPeer('a client of HTTP/1.1', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let siege: Siege
  prepare(async () => {
    siege = await laySiege({ version, tls: true, environment: { HP_BLACKLIST_COUNT: '1000000' } })
  })
  finish(async () => siege[Symbol.asyncDispose]())

  const damageOf = (listener: 'http' | 'https', attack: (stream: Duplex) => Promise<void>): Promise<readonly string[]> =>
    siege.damageOf(async (keep) => attack(keep(await httpDoors[listener](siege.plane.ports[listener] ?? 0, '127.1.1.6'))))

  for (const listener of ['http', 'https'] as const) {
    it.each(Object.entries(wrong))(`on the ${listener} port is cut for %s`, async (_what, bytes) => {
      const damage = await damageOf(listener, async (stream) => {
        stream.write(bytes)
        await isCut(stream, 30_000)
      })
      expect(damage).toEqual([])
    }, 60_000)

    it.each(Object.entries(endless))(`on the ${listener} port is cut for %s without end`, async (_what, [beginning, more]) => {
      const damage = await damageOf(listener, async (stream) => {
        stream.write(beginning)
        await pour(stream, kibibytes(more))
      })
      expect(damage).toEqual([])
    }, 60_000)
  }

  it.each(Object.entries(endless))('is cut for %s without end, a piece at a time', async (_what, [beginning, more]) => {
    const damage = await damageOf('http', async (stream) => {
      stream.write(beginning)
      await drip(stream, Buffer.from(more), 200)
    })
    expect(damage).toEqual([])
  }, 60_000)

  it('is cut when it reads nothing of a long answer, of which little waits for it', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const before = await siege.vitalSigns()
      for (let reader = 0; reader < 20; reader += 1) {
        const stream = keep(await httpDoors.http(siege.plane.ports.http, '127.1.1.6'))
        stream.write('GET /exapps/demo/big?bytes=1073741824 HTTP/1.1\r\nHost: x\r\n\r\n')
        await once(stream, 'readable')
      }
      // Its own end would reach a client only behind what it does not read.
      await expect.poll(async () => (await siege.vitalSigns()).sockets, { timeout: 30_000 }).toBeLessThan(before.sockets + 5)
    })
    expect(damage).toEqual([])
  }, 60_000)

  it('may send a hundred bodies of which a byte comes each second, and costs a connection each', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const streams = await Promise.all(Array.from({ length: 100 }, async () => keep(await httpDoors.http(siege.plane.ports.http, '127.1.1.6'))))
      for (const stream of streams) stream.write(`${post}Content-Length: 1000000\r\n\r\n`)
      for (let second = 0; second < 5; second += 1) {
        for (const stream of streams) stream.write('x')
        await delay(1000)
      }
      expect(streams.filter(({ closed }) => closed)).toEqual([])
    })
    expect(damage).toEqual([])
  }, 60_000)

  it('is cut when it waits for a "continue" and sends nothing, a hundred times', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const streams = await Promise.all(Array.from({ length: 100 }, async () => keep(await httpDoors.http(siege.plane.ports.http, '127.1.1.6'))))
      for (const stream of streams) stream.write(`${post}Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n`)
      await Promise.all(streams.map((stream) => isCut(stream, 30_000)))
    })
    expect(damage).toEqual([])
  }, 60_000)

  it('whose request is dropped leaves nothing behind, although bad HTTP follows it at once', async () => {
    const damage = await siege.damageOf(async (keep) => {
      for (let attempt = 0; attempt < 50; attempt += 1) {
        const stream = keep(await httpDoors.http(siege.plane.ports.http, '127.1.1.6'))
        stream.write('GET /exapps/demo/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n\0')
        await isCut(stream)
      }
    })
    expect(damage).toEqual([])
  }, 60_000)

  it('on the port for operators is cut for the same, and the metrics are read all the while', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const { admin } = siege.plane.ports
      for (const bytes of Object.values(wrong)) {
        const stream = keep(await httpDoors.http(admin, '127.1.1.6'))
        stream.write(bytes)
        await Promise.race([isCut(stream, 30_000), siege.vitalSigns()])
      }
      for (const [beginning, more] of Object.values(endless)) {
        const stream = keep(await httpDoors.http(admin, '127.1.1.6'))
        stream.write(beginning)
        stream.write(kibibytes(more, 1024))
        await siege.vitalSigns()
      }
    })
    expect(damage).toEqual([])
  }, 60_000)
})
