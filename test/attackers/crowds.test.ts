import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { gatherCrowd } from './crowd.ts'
import { clientCertificate, guardedDoors, type OpenDoor } from './doors.ts'
import { laySiege, type Siege, siegeKey } from './siege.ts'

const size = 20_000

/** What one address, and all together, may have open on the tunnel port without a login (`tunnel/limits.ts`). */
const perAddress = 128
const total = 1024

/** `HARPOON_MAX_CONNECTIONS` as it is by default. */
const httpConnections = 8192

/** Node holds 64 KiB for a connection at most, TLS included, and keeps the room for the next crowd; 20,000 handshakes that failed wait long for V8 to notice. */
const mayKeepBytes = httpConnections * 64 * 1024

/** Half a ClientHello: a record that announces 200 bytes and brings six of them. */
const halfHello = Buffer.from('16030100c8010000c40303', 'hex')

const [version] = frpVersions
describeWithPeer('a crowd of 20,000 connections', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let siege: Siege
  let door: OpenDoor
  prepare(async () => {
    siege = await laySiege({ version, tls: true })
    door = guardedDoors(await clientCertificate(siege.certificates))['over TLS with a certificate']
  })
  finish(async () => siege[Symbol.asyncDispose]())

  it.each([
    ['is silent', 1, perAddress, Buffer.alloc(0)],
    ['has sent half a ClientHello', 200, total, halfHello],
  ])('on the tunnel port that %s, from %i addresses, is %i at most, keeps nobody out and is shed', async (_what, addresses, allowed, firstWords) => {
    const without: number[] = []
    let isShed = false
    const damage = await siege.damageOf(async (keep) => {
      const crowd = keep(await gatherCrowd({ port: siege.plane.ports.frp, size, addresses, firstWords }))
      const look = async (): Promise<number> => {
        const { connectionsWithoutLogin } = await siege.vitalSigns()
        without.push(connectionsWithoutLogin)
        return connectionsWithoutLogin
      }
      while (crowd.count().opened < size) await look()
      // The crowd is at its largest now, and newcomers come in.
      for (let newcomer = 0; newcomer < 3; newcomer += 1) {
        const client = new RawClient(keep(await door(siege.plane.ports.frp, '127.1.1.3')))
        client.login({ metas: { token: siegeKey } })
        await expect.poll(() => client.heard()[0]?.body, { timeout: 10_000 }).toMatchObject({ run_id: expect.any(String) })
      }
      // And it goes although it would stay.
      await expect.poll(look, { timeout: 40_000, interval: 250 }).toBe(0)
      isShed = true
    }, { mayKeepBytes })
    expect(Math.max(...without)).toBe(allowed)
    expect(isShed).toBe(true)
    expect(damage).toEqual([])
  }, 300_000)

  it.each([
    ['HTTP', 'http', 1, Buffer.from('GET / HT')],
    ['HTTPS', 'https', 200, halfHello],
  ] as const)('on the %s port that has begun something, is shed in the time of a request head', async (_what, listener, addresses, firstWords) => {
    let most = 0
    const damage = await siege.damageOf(
      async (keep) => {
        const crowd = keep(await gatherCrowd({ port: siege.plane.ports[listener] ?? 0, size, addresses, firstWords }))
        const look = async (): Promise<number> => {
          const { sockets } = await siege.vitalSigns()
          most = Math.max(most, sockets)
          return sockets
        }
        while (crowd.count().opened < size) await look()
        await expect.poll(look, { timeout: 40_000, interval: 250 }).toBeLessThan(20)
      },
      { mayKeepBytes },
    )
    expect(most).toBeLessThan(httpConnections + 20)
    expect(damage).toEqual([])
  }, 300_000)
})
