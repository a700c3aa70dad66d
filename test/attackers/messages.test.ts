import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { privilegeKey } from '../../proxy/tunnel/protocol/auth-key.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { openDoors } from './doors.ts'
import { isAlive, isCut } from './ends.ts'
import { type Keep, laySiege, type Siege, siegeKey } from './siege.ts'

const MAX_BYTES = 10_240

/** A message of wire v1 with any bytes for its payload, and any length. */
function message(type: string, payload: Buffer | string, length = Buffer.byteLength(payload)): Buffer {
  const header = Buffer.alloc(9)
  header.write(type, 0, 'latin1')
  header.writeBigInt64BE(BigInt(length), 1)
  return Buffer.concat([header, Buffer.from(payload)])
}

const json = (type: string, body: unknown): Buffer => message(type, JSON.stringify(body))
const goodLogin = { version: '0.61.1', privilege_key: privilegeKey('', 1), timestamp: 1, metas: { token: siegeKey } }
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** Whatever else a field may hold. */
const values: readonly unknown[] = [0, -1, 1.5, 1e308, '', 'x', true, [], {}, [[]], { token: {} }, '\u0000\u001b[2J', '\ud800', 'x'.repeat(9000)]

/** Payloads that are no message of any type. */
const payloads: Readonly<Record<string, Buffer | string>> = {
  'no JSON': '{"version":',
  'nothing': '',
  'bytes that are no text': randomBytes(1000),
  'a number': '1',
  'a list': '[]',
  'a list as deep as it is long': deep(MAX_BYTES / 2),
  'an object as deep as it is long': '{"a":'.repeat(1700) + '1' + '}'.repeat(1700),
  'a prototype': '{"__proto__":{"token":"x"},"constructor":{"prototype":{}}}',
  'a number beyond all numbers': '{"timestamp":1e999,"pool_count":1e999,"remote_port":1e999}',
}

const lengths = [-1n, -(2n ** 63n), BigInt(MAX_BYTES + 1), 2n ** 31n, 2n ** 63n - 1n]

/** Run ids of all shapes: what is no id of ours is refused or replaced. */
const runIds: readonly unknown[] = ['', 'x', ' ', '../../etc/passwd', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(9000), 'ä', '\u0000', '\n', '__proto__', 'constructor', null, 5, {}, []]
const poolCounts: readonly unknown[] = [-20, -1, 0, 5, 6, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER, 2 ** 63, 1.5, '5', null, [], {}]

const [version] = frpVersions
describeWithPeer('an frp client', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let siege: Siege
  prepare(async () => {
    siege = await laySiege({ version, tls: false, environment: { HP_BLACKLIST_COUNT: '1000000' } })
  })
  finish(async () => siege[Symbol.asyncDispose]())

  const connect = async (keep: Keep): Promise<RawClient> => new RawClient(keep(await openDoors['in plain'](siege.plane.ports.frp, '127.1.1.2')))
  /** Waits until the client is in, and gives its run id. */
  const entered = async (client: RawClient): Promise<string> => {
    const runId = (): string | undefined => (client.heard()[0]?.body as { run_id?: string } | undefined)?.run_id
    await expect.poll(runId, { timeout: 10_000 }).toEqual(expect.any(String))
    return runId() ?? ''
  }
  const logIn = async (keep: Keep, fields: object = {}): Promise<RawClient> => {
    const client = await connect(keep)
    client.login({ ...goodLogin, ...fields })
    await entered(client)
    return client
  }

  /** An object without any field that we know is a claim of nothing. */
  const isRefused = async (client: RawClient): Promise<void> => {
    await expect.poll(() => client.heard()[1]?.body, { timeout: 10_000 }).toMatchObject({ error: 'the proxy name is empty or has control characters' })
  }

  const isRefusedOn = async (client: RawClient, id: number, reason: string): Promise<void> => {
    await expect.poll(() => client.messages(id)[0]?.body, { timeout: 20_000 }).toMatchObject({ error: expect.stringContaining(reason) })
  }

  /** On a stream of a multiplexer, and on a connection of its own. */
  async function asFirst(keep: Keep, bytes: Buffer): Promise<void> {
    const muxed = await connect(keep)
    muxed.open(1)
    muxed.write(1, bytes)
    await isCut(muxed.socket)
    const bare = await connect(keep)
    bare.socket.write(bytes)
    await isCut(bare.socket, 20_000)
  }

  it.each(Object.entries(payloads))('is cut for a first message with %s', async (_what, payload) => {
    const damage = await siege.damageOf(async (keep) => {
      await Promise.all(['o', 'v', 'w'].map((type) => asFirst(keep, message(type, payload))))
    })
    expect(damage).toEqual([])
  })

  it('is cut for a first message of any other type', async () => {
    const damage = await siege.damageOf(async (keep) => {
      for (let first = 1; first < 256; first += 1) {
        const type = String.fromCharCode(first)
        if ('ovw'.includes(type)) continue
        const client = await connect(keep)
        client.open(1)
        client.write(1, json(type, goodLogin))
        await isCut(client.socket)
      }
    })
    expect(damage).toEqual([])
  })

  it.each(lengths)('is cut for a first message that announces %d bytes', async (length) => {
    const damage = await siege.damageOf(async (keep) => {
      const header = message('o', '')
      header.writeBigInt64BE(length, 1)
      await asFirst(keep, header)
    })
    expect(damage).toEqual([])
  })

  it.each(Object.keys(goodLogin))('is cut or told what is wrong for anything else as the %s of its login', async (field) => {
    const damage = await siege.damageOf(async (keep) => {
      for (const value of values) {
        const client = await connect(keep)
        client.login({ ...goodLogin, [field]: value })
        // A version may be any text, and a timestamp that is 0 has another key.
        if (field === 'version' && typeof value === 'string' && value.length < MAX_BYTES) await entered(client)
        else await isCut(client.socket)
        client.socket.destroy()
      }
    })
    expect(damage).toEqual([])
  })

  it('gets in with a run id of any shape that frp allows, and with no other', async () => {
    const damage = await siege.damageOf(async (keep) => {
      for (const runId of runIds) {
        const client = await connect(keep)
        client.login({ ...goodLogin, run_id: runId })
        if (runId === null || (typeof runId === 'string' && /^[!-~]{0,64}$/.test(runId))) await entered(client)
        else await isCut(client.socket)
        client.socket.destroy()
      }
    })
    expect(damage).toEqual([])
  })

  it('gets in with a pool of any size, and is asked for five connections at most', async () => {
    const asked: number[] = []
    const damage = await siege.damageOf(async (keep) => {
      for (const poolCount of poolCounts) {
        const client = await connect(keep)
        client.login({ ...goodLogin, pool_count: poolCount })
        if (poolCount !== null && !Number.isSafeInteger(poolCount)) await isCut(client.socket)
        else {
          await entered(client)
          await isAlive(client)
          asked.push(client.heard().filter(({ type }) => type === 'r').length)
        }
      }
    })
    expect(asked).toEqual([0, 0, 0, 5, 5, 5, 5, 0, 5, 0])
    expect(damage).toEqual([])
  })

  it('is cut for what comes in pieces of one byte and never ends', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await connect(keep)
      client.open(1)
      const drip = setInterval(() => client.write(1, Buffer.of(0x6f)), 100)
      await isCut(client.socket, 20_000)
      clearInterval(drip)
    })
    expect(damage).toEqual([])
  })

  it.each(Object.entries(payloads))('is cut or refused for a claim with %s on its control stream', async (_what, payload) => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      client.sayBytes(message('p', payload))
      await Promise.race([isCut(client.socket), isRefused(client)])
    })
    expect(damage).toEqual([])
  })

  it('is cut for bytes that are not encrypted, or that no key fits', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      client.write(1, randomBytes(5000))
      await isCut(client.socket)
    })
    expect(damage).toEqual([])
  })

  it('may log in again within its session, and nothing comes of it', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      client.say('o', goodLogin)
      client.open(3)
      client.writeMessage(3, 'o', goodLogin)
      await expect.poll(() => client.stream(3).isReset, { timeout: 10_000 }).toBe(true)
      await isAlive(client)
      expect(client.heard().filter(({ type }) => type === '1')).toHaveLength(1)
    })
    expect(damage).toEqual([])
  })

  it('gets an answer to each of 3,000 claims that it may not have, and the tunnel of another stays', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      for (let index = 0; index < 3000; index += 1) {
        const proxy = [{ proxy_name: 'demo', remote_port: 23_000 }, { proxy_name: `p${index}`, remote_port: index }, { proxy_name: 'x', proxy_type: 'udp' }][index % 3]
        client.say('p', proxy ?? {})
      }
      await expect.poll(() => client.heard().filter(({ type }) => type === '2').length, { timeout: 60_000, interval: 200 }).toBe(3000)
    })
    expect(damage).toEqual([])
  }, 90_000)

  it('that reads no answers gets no more of them', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      client.socket.pause()
      for (let index = 0; index < 20_000; index += 1) client.say('h', {}) // not more than the window takes
      await new Promise((resolve) => void client.socket.write('', resolve))
      client.socket.resume()
      await isAlive(client)
    })
    expect(damage).toEqual([])
  })

  it('learns nothing from a thousand guesses at run ids, nor from the run id of another client', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const owner = await logIn(keep)
      const runId = await entered(owner)
      const guesser = await logIn(keep)
      for (let guess = 0; guess < 1000; guess += 1) {
        const id = 3 + 2 * guess
        guesser.open(id)
        guesser.writeMessage(id, 'w', { run_id: guess === 0 ? runId : randomBytes(8).toString('hex') })
        if (guess % 50 === 0) await isRefusedOn(guesser, id, 'no client control found')
      }
      const stranger = await connect(keep)
      stranger.socket.write(json('w', { run_id: runId }))
      await isCut(stranger.socket)
      await isAlive(owner)
    })
    expect(damage).toEqual([])
  })

  it('may offer 900 work connections that nobody asked for, and fifteen wait', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep, { pool_count: 5 })
      const runId = await entered(client)
      for (let index = 0; index < 900; index += 1) {
        const id = 3 + 2 * index
        client.open(id)
        client.writeMessage(id, 'w', { run_id: runId })
        if (index % 50 === 49) await isRefusedOn(client, id, 'pool is full')
      }
    })
    expect(damage).toEqual([])
  })

  it('that floods us with work connections that say nothing is cut off from them in time', async () => {
    const damage = await siege.damageOf(async (keep) => {
      const client = await logIn(keep)
      for (let index = 0; index < 1000; index += 1) client.open(3 + 2 * index)
      await expect.poll(() => client.stream(2001).isReset, { timeout: 20_000 }).toBe(true)
      await isAlive(client)
    })
    expect(damage).toEqual([])
  }, 40_000)

  const magic = Buffer.from('FRP\0\x02\r\n')
  const frameV2 = (type: number, payload: Buffer | string, { flags = 0, length = Buffer.byteLength(payload) } = {}): Buffer => {
    const header = Buffer.alloc(8)
    header.writeUInt16BE(type, 0)
    header.writeUInt16BE(flags, 2)
    header.writeUInt32BE(length, 4)
    return Buffer.concat([header, Buffer.from(payload)])
  }
  const hello = (fields: object = {}): string =>
    JSON.stringify({ capabilities: { message: { codecs: ['json'] }, crypto: { algorithms: ['aes-256-gcm'], clientRandom: Buffer.alloc(32).toString('base64') } }, ...fields })
  const login = Buffer.concat([Buffer.of(0, 1), Buffer.from(JSON.stringify(goodLogin))])
  const version2: Readonly<Record<string, Buffer>> = {
    'another magic': Buffer.from('FRP\0\x02\n\n'),
    'a version to come': Buffer.from('FRP\0\x03\r\n'),
    'an unknown frame type': frameV2(0xffff, ''),
    'unknown flags': frameV2(1, hello(), { flags: 0xffff }),
    'a frame of 4 GiB': frameV2(16, '', { length: 0xffff_ffff }),
    'a frame of 64 KiB and one byte': frameV2(16, '', { length: 65_537 }),
    'a ServerHello': frameV2(2, hello()),
    'a hello that is no JSON': Buffer.concat([frameV2(1, '{'), frameV2(16, login)]),
    'a hello as deep as it is long': Buffer.concat([frameV2(1, deep(32_768)), frameV2(16, login)]),
    'a hello without a codec': Buffer.concat([frameV2(1, hello({ capabilities: { message: { codecs: [] } } })), frameV2(16, login)]),
    'two hellos': Buffer.concat([frameV2(1, hello()), frameV2(1, hello())]),
    'a login without a hello': frameV2(16, login),
    'a message without an id': frameV2(16, Buffer.of(0)),
    'a message with id 0': frameV2(16, Buffer.of(0, 0)),
    'a message of an unknown id': frameV2(16, Buffer.of(0xff, 0xff)),
    'a hello for a work connection': Buffer.concat([frameV2(1, hello()), frameV2(16, Buffer.concat([Buffer.of(0, 6), Buffer.from('{}')]))]),
    'a record that is not encrypted': Buffer.concat([frameV2(1, hello()), frameV2(16, login), randomBytes(12), frameV2(0, ''), randomBytes(500)]),
    'a record of 4 GiB': Buffer.concat([frameV2(1, hello()), frameV2(16, login), randomBytes(12), Buffer.alloc(4, 0xff)]),
    'a record shorter than its tag': Buffer.concat([frameV2(1, hello()), frameV2(16, login), randomBytes(12), Buffer.of(0, 0, 0, 15), randomBytes(15)]),
  }
  it.each(Object.entries(version2))('on wire v2 is cut for %s', async (_what, bytes) => {
    const damage = await siege.damageOf((keep) => asFirst(keep, Buffer.concat([bytes.subarray(0, 3).equals(magic.subarray(0, 3)) ? Buffer.alloc(0) : magic, bytes])))
    expect(damage).toEqual([])
  })
})
