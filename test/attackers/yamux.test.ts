import { expect, it } from 'vitest'
import { DATA, FIN, frame, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE } from '../../proxy/tunnel/mux/peer.fixture.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { clientCertificate, guardedDoors, type OpenDoor, openDoors } from './doors.ts'
import { isAlive, isCut, pour } from './ends.ts'
import { seededBytes } from './seeded-bytes.ts'
import { laySiege, type Siege, siegeKey } from './siege.ts'

const many = (count: number, make: (index: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
const open = (id: number, delta = 0): Buffer => frame(WINDOW_UPDATE, SYN, id, delta)
const allFlags = 0xffff

/** What breaks the rules of the multiplexer (frp wire protocol §2), on a session whose stream 1 is open. */
const illegal: Readonly<Record<string, Buffer>> = {
  'random bytes': seededBytes(4711, 65_536),
  'a frame of another version': Buffer.from('010000000000000000000000', 'hex'),
  'a frame of an unknown type': Buffer.from('000400000000000000000000', 'hex'),
  'the highest version and type': Buffer.alloc(12, 0xff),
  'a SYN for a stream that is open': open(1),
  'a SYN for an even id': open(2),
  'a SYN for stream 0': open(0),
  'a SYN for the highest even id': open(0xfffffffe),
  'a body of 4 GiB': frame(DATA, 0, 1, 0xffff_ffff),
  'one byte more than the window': Buffer.concat([frame(DATA, 0, 1, 262_145), Buffer.alloc(65_536)]),
  'credit beyond 32 bits': frame(WINDOW_UPDATE, 0, 1, 0xffff_ffff),
  'credit beyond 32 bits in two steps': Buffer.concat([frame(WINDOW_UPDATE, 0, 1, 0x8000_0000), frame(WINDOW_UPDATE, 0, 1, 0x8000_0000)]),
  'two FINs': Buffer.concat([frame(WINDOW_UPDATE, FIN, 1, 0), frame(WINDOW_UPDATE, FIN, 1, 0)]),
  'a go-away with protocol error': frame(GO_AWAY, 0, 0, 1),
  'a go-away with internal error': frame(GO_AWAY, 0, 0, 2),
  'a go-away with an unknown code': frame(GO_AWAY, 0, 0, 0xffff_ffff),
}

/** What is pointless but legal, or costs only the stream: the session goes on. */
const harmless: Readonly<Record<string, Buffer>> = {
  'data for a stream that does not exist': frame(DATA, 0, 77, 70_000, Buffer.alloc(70_000)),
  'every flag at once on a stream that does not exist': frame(WINDOW_UPDATE, allFlags & ~SYN, 79, 0),
  'every flag at once with a new stream': frame(WINDOW_UPDATE, allFlags, 81, 0xffff),
  'every flag at once on a ping': frame(PING, allFlags, 0, 1),
  'a stream opened, finished and reset at once': Buffer.concat([open(83), frame(WINDOW_UPDATE, FIN, 83, 0), frame(WINDOW_UPDATE, RST, 83, 0)]),
  'a stream that lives and dies 10,000 times': many(10_000, () => Buffer.concat([open(85), frame(WINDOW_UPDATE, RST, 85, 0)])),
  'replies to 50,000 pings that nobody sent': many(50_000, (id) => frame(PING, 2, 0, id)),
  'a flood of 50,000 go-aways': many(50_000, () => frame(GO_AWAY, 0, 0, 0)),
  '100,000 empty bodies': many(100_000, () => frame(DATA, 0, 1, 0)),
  '100,000 bodies of one byte for a stream that does not exist': many(100_000, () => frame(DATA, 0, 99, 1, Buffer.of(1))),
  '50,000 window updates of nothing': many(50_000, () => frame(WINDOW_UPDATE, 0, 1, 0)),
}

const [version] = frpVersions
describeWithPeer('a yamux client', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  const sieges: Partial<Record<'guarded' | 'open', Siege>> = {}
  let doors: Readonly<Record<string, readonly [Siege, OpenDoor]>> = {}
  prepare(async () => {
    const guarded = (sieges.guarded = await laySiege({ version, tls: true }))
    const unguarded = (sieges.open = await laySiege({ version, tls: false }))
    const ways = guardedDoors(await clientCertificate(guarded.certificates))
    doors = Object.fromEntries([
      ...Object.entries(ways).map(([name, door]) => [name, [guarded, door] as const]),
      ...Object.entries(openDoors).map(([name, door]) => [name, [unguarded, door] as const]),
    ])
  })
  finish(async () => {
    await sieges.guarded?.[Symbol.asyncDispose]()
    await sieges.open?.[Symbol.asyncDispose]()
  })

  const doorNames = ['over TLS with a certificate', 'over a websocket with that TLS inside', 'over a websocket within that TLS', 'in plain', 'over TLS without a certificate', 'over a websocket']

  /** Lets an attacker in through a door and tells the damage. */
  async function damageThrough(name: string, attack: (stream: RawClient['socket'], siege: Siege) => Promise<void>): Promise<readonly string[]> {
    const way = doors[name]
    if (!way) throw new Error(`there is no way in ${name}`)
    const [siege, door] = way
    return siege.damageOf(async (keep) => attack(keep(await door(siege.plane.ports.frp, '127.1.1.1')), siege))
  }

  /** A client that has logged in, with stream 3 open beside its control stream. */
  async function logIn(stream: RawClient['socket']): Promise<RawClient> {
    const client = new RawClient(stream)
    client.login({ metas: { token: siegeKey } })
    await expect.poll(() => client.heard()[0]?.body).toMatchObject({ run_id: expect.any(String) })
    client.open(3)
    return client
  }

  for (const name of doorNames) {
    it.each(Object.entries(illegal))(`${name} is cut for %s, before the login and after it`, async (_what, bytes) => {
      expect(await damageThrough(name, async (stream) => {
        stream.write(Buffer.concat([open(1), open(3), bytes]))
        await isCut(stream)
      })).toEqual([])
      expect(await damageThrough(name, async (stream) => {
        await logIn(stream)
        stream.write(bytes)
        await isCut(stream)
      })).toEqual([])
    })

    it.each(Object.entries(harmless))(`${name} achieves nothing with %s`, async (_what, bytes) => {
      expect(await damageThrough(name, async (stream) => {
        const client = await logIn(stream)
        stream.write(bytes)
        await isAlive(client)
      })).toEqual([])
    })

    it(`${name} is cut when it floods us with pings and reads no replies`, async () => {
      expect(await damageThrough(name, async (stream) => {
        stream.write(open(1))
        await pour(stream, many(5000, (id) => frame(PING, SYN, 0, id)))
      })).toEqual([])
    })

    it(`${name} may open 10,000 streams before the login, of which one lives`, async () => {
      expect(await damageThrough(name, async (stream) => {
        const client = new RawClient(stream)
        stream.write(many(10_000, (index) => open(index * 2 + 1)))
        await expect.poll(() => client.stream(19_999).isReset, { timeout: 20_000 }).toBe(true)
        await isAlive(client)
      })).toEqual([])
    })

    it(`${name} may open 10,000 streams after the login, of which so many live as may be unasked for`, async () => {
      expect(await damageThrough(name, async (stream, { vitalSigns }) => {
        const client = await logIn(stream)
        stream.write(many(10_000, (index) => open(index * 2 + 5)))
        await expect.poll(() => client.stream(19_999).isReset, { timeout: 20_000 }).toBe(true)
        expect([5, 101, 201].map((id) => client.stream(id).isReset)).toEqual([false, false, true])
        expect(await vitalSigns()).toMatchObject({ sessions: 2 })
        await isAlive(client)
      })).toEqual([])
    })
  }
})
