import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { LimitName } from '../../proxy/limit-reached.ts'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { RawClient } from './raw-client.ts'
import { RawConnection } from './raw-connection.ts'
import { Rig, type RigOptions, SHARED_KEY } from './rig.ts'

const otherPort = 23_900

describeWithPeer('a limit of tunnel clients is reached by', { name: 'frpc 0.61.1', ensure: () => ensureFrp('0.61.1') }, () => {
  let rig: Rig
  let others: ReturnType<Rig['registry']['get']>
  let sockets: { destroy(): unknown }[]
  beforeEach(() => {
    sockets = []
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await rig[Symbol.asyncDispose]()
  })

  /** A server with a real frpc that has nothing to do with what follows. */
  async function start(options: RigOptions = {}): Promise<void> {
    rig = await Rig.start(options)
    await rig.connect({ version: '0.61.1', name: 'other', remotePort: otherPort })
    others = rig.registry.get(otherPort)
  }

  /** Whatever happened: the limit was reached so often, and the other client's tunnel is the same and serves. */
  async function expectReached(limit: LimitName, times: number): Promise<void> {
    await expect.poll(() => rig.timesReached(limit)).toBe(times)
    expect(rig.registry.get(otherPort)).toBe(others)
    const { statusCode, body } = await rig.pool(otherPort).request({ path: '/', method: 'GET' })
    await body.dump()
    expect(statusCode).toBe(200)
  }

  async function open(from = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ port: rig.port, host: '127.0.0.1', localAddress: from }).on('error', () => {}).resume()
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }

  /** A client that has logged in, or was refused. */
  async function client(login: object = {}): Promise<RawClient> {
    const raw = await RawClient.connect(rig.port)
    sockets.push(raw.socket)
    raw.login(login)
    await expect.poll(() => raw.heard()).not.toHaveLength(0)
    return raw
  }

  /** A client whose tunnel is there, and which opens a stream for each request that it is told of. */
  async function tunnelOf(remotePort: number): Promise<{ raw: RawClient; runId: string }> {
    const raw = await client()
    raw.say('p', { proxy_name: `app${remotePort}`, proxy_type: 'tcp', remote_port: remotePort })
    await expect.poll(() => raw.heard().map(({ type }) => type)).toContain('2')
    const [response] = raw.heard() as { body: { run_id: string } }[]
    return { raw, runId: response?.body.run_id ?? '' }
  }

  const unauthenticated = (count: number) => expect.poll(() => rig.metrics.metrics()).toContain(`harpoon_tunnel_unauthenticated_connections ${count}\n`)

  /** Whether the server closes it. */
  const isClosed = (socket: Socket) => expect.poll(() => socket.closed).toBe(true)

  it('connections without login, in all: the one that has waited longest is closed for the next', async () => {
    await start({ limits: { unauthenticatedConnections: 3 } })
    const first = await open('127.0.0.2')
    for (const address of ['127.0.0.3', '127.0.0.4']) await open(address)
    await unauthenticated(3)
    const next = await open('127.0.0.5')
    await isClosed(first)
    await unauthenticated(3)
    expect(next.closed).toBe(false)
    await expectReached('frp_connections_without_login', 1)
    sockets[1]?.destroy()
    await unauthenticated(2)
    expect((await client()).heard()[0]?.body).toMatchObject({ run_id: expect.any(String) }) // a login is counted no more
    await unauthenticated(2)
    await expectReached('frp_connections_without_login', 1)
  })

  it('connections without login from one address: another address may come', async () => {
    await start({ limits: { unauthenticatedConnectionsPerAddress: 2 } })
    for (let n = 0; n < 2; n++) await open('127.0.0.2')
    await unauthenticated(2)
    await isClosed(await open('127.0.0.2'))
    const other = await open('127.0.0.3')
    await unauthenticated(3)
    expect(other.closed).toBe(false)
    await expectReached('frp_connections_without_login_per_address', 1)
  })

  it('sessions: the next login is refused with a reason', async () => {
    await start({ limits: { sessions: 2 } })
    await client()
    const refused = await client()
    expect(refused.heard()[0]?.body).toMatchObject({ error: 'too many clients are connected' })
    await expectReached('frp_sessions', 1)
  })

  it('sessions with one token: others may log in', async () => {
    await start()
    const login = (appId: string) => client({ metas: { token: exAppToken(SHARED_KEY, appId) } })
    for (let n = 0; n < 8; n++) expect((await login('greedy')).heard()[0]?.body).toMatchObject({ run_id: expect.any(String) })
    expect((await login('greedy')).heard()[0]?.body).toMatchObject({ error: 'too many clients are connected with this token' })
    expect((await login('modest')).heard()[0]?.body).toMatchObject({ run_id: expect.any(String) })
    for (let n = 0; n < 8; n++) await client() // whoever has the shared key may be anybody
    await expectReached('frp_sessions_per_token', 1)
    sockets[0]?.destroy()
    await expect.poll(async () => (await login('greedy')).heard()[0]?.body).toMatchObject({ run_id: expect.any(String) })
  })

  it('streams that nobody asked for and that say nothing: the next is reset', async () => {
    await start()
    const { raw } = await tunnelOf(23_000)
    for (let n = 1; n <= 64; n++) raw.open(1 + 2 * n)
    raw.open(131)
    await expect.poll(() => raw.stream(131).isReset).toBe(true)
    expect(raw.stream(129).isReset).toBe(false)
    await expectReached('frp_unasked_streams_per_session', 1)
  })

  it('streams of a session, 4,096: the next is reset, those that are there stay', async () => {
    await start()
    const { raw, runId } = await tunnelOf(23_000)
    // What comes unasked is told so and ended by us; until the client ends it too it is a stream.
    for (let n = 1; n <= 4095; n++) {
      raw.open(1 + 2 * n)
      raw.writeMessage(1 + 2 * n, 'w', { run_id: runId })
      if (n % 32 === 0) await vi.waitUntil(() => raw.stream(1 + 2 * n).isFinished, { interval: 2, timeout: 10_000 })
    }
    await expect.poll(() => raw.stream(8191).isFinished).toBe(true)
    raw.open(8193)
    await expect.poll(() => raw.stream(8193).isReset).toBe(true)
    expect(raw.stream(8191).isReset).toBe(false)
    await expectReached('frp_streams_per_session', 1)
  })

  it('work connections that nobody asked for: the next is told so', async () => {
    await start()
    const { raw, runId } = await tunnelOf(23_000)
    for (let n = 1; n <= 11; n++) {
      raw.open(1 + 2 * n)
      raw.writeMessage(1 + 2 * n, 'w', { run_id: runId })
    }
    await expect.poll(() => raw.messages(23)).toEqual([{ type: 's', body: { error: 'work connection pool is full, discarding' } }])
    expect(raw.messages(21)).toEqual([])
    await expectReached('frp_idle_work_connections_per_session', 1)
  })

  it('connections of a client without a multiplexer: the next is told so', async () => {
    await start({ limits: { connectionsPerSession: 3 } })
    const { control, runId } = await RawConnection.logIn(rig.port)
    const offer = async (): Promise<RawConnection> => {
      const connection = await RawConnection.open(rig.port)
      sockets.push(connection.socket)
      connection.write('w', { run_id: runId })
      return connection
    }
    sockets.push(control.socket)
    await offer()
    await offer()
    await unauthenticated(0)
    const third = await offer()
    await expect.poll(() => third.first).toEqual({ type: 's', body: { error: 'too many connections of one client' } })
    await expectReached('frp_connections_per_session', 1)
  })

  it('control frames that a client makes us answer and does not read: its session ends', async () => {
    await start()
    const { socket } = await client()
    const pings = Buffer.alloc(12 * 10_000)
    for (let at = 0; at < pings.length; at += 12) pings.writeUInt32BE(0x0002_0001, at)
    socket.pause()
    const ended = new Promise((resolve) => void socket.once('close', resolve))
    const flood = (error?: Error | null): void => {
      if (!error) socket.write(pings, flood)
    }
    flood()
    await expect.poll(() => rig.timesReached('frp_control_frames_per_session'), { timeout: 50_000 }).toBe(1)
    socket.resume()
    await ended
    await expectReached('frp_control_frames_per_session', 1)
  }, 60_000) // the operating system takes megabytes of answers before we have to keep any

  /** Requests on a tunnel of its own, whose answers of so many bytes nobody reads. Their streams have the ids 3, 5, 7 … */
  async function unread(remotePort: number, answers: readonly number[]): Promise<{ raw: RawClient; requests: Duplex[] }> {
    const { raw, runId } = await tunnelOf(remotePort)
    const requests: Duplex[] = []
    for (const [n, bytes] of answers.entries()) {
      const dialing = rig.dial(remotePort, { timeoutMs: 5000 })
      await expect.poll(() => raw.heard().filter(({ type }) => type === 'r').length).toBe(n + 1)
      raw.open(3 + 2 * n)
      raw.writeMessage(3 + 2 * n, 'w', { run_id: runId })
      requests.push(await dialing)
      raw.write(3 + 2 * n, Buffer.alloc(bytes))
    }
    return { raw, requests }
  }

  const unreadBytes = (bytes: number) => expect.poll(() => rig.metrics.metrics()).toContain(`harpoon_tunnel_unread_bytes ${bytes}\n`)

  const destroyed = (requests: readonly Duplex[]): readonly boolean[] => requests.map(({ destroyed }) => destroyed)

  it('bytes of one session that wait to be read: the stream with most is reset, the others stay', async () => {
    await start({ memoryBytes: () => 4 * 1024 ** 2 })
    const { raw, requests } = await unread(23_000, [250_000, 261_000, 250_000, 250_000, 37_000])
    await unreadBytes(1_048_000) // of 1,048,576, a quarter
    await expectReached('frp_memory_per_session', 0)
    raw.write(11, Buffer.alloc(577))
    await expect.poll(() => raw.stream(5).isReset).toBe(true)
    await unreadBytes(787_577)
    expect(destroyed(requests)).toEqual([false, true, false, false, false])
    await expectReached('frp_memory_per_session', 1)
    for (const request of requests) request.destroy()
    await unreadBytes(0)
  })

  it('bytes of all sessions that wait to be read: the session with most loses its largest stream', async () => {
    await start({ memoryBytes: () => 4 * 1024 ** 2 })
    const sessions: Awaited<ReturnType<typeof unread>>[] = []
    for (const [n, bytes] of [[220_000, 230_000, 240_000, 250_000], ...Array.from({ length: 3 }, () => [220_000, 220_000, 220_000, 220_000]), [250_000, 250_000, 114_304]].entries()) {
      sessions.push(await unread(23_000 + n, bytes))
    }
    await unreadBytes(4 * 1024 ** 2)
    await expectReached('frp_memory', 0)
    sessions.at(-1)?.raw.write(7, Buffer.alloc(1))
    await expect.poll(() => sessions[0]?.raw.stream(9).isReset).toBe(true)
    await unreadBytes(4 * 1024 ** 2 + 1 - 250_000)
    expect(sessions.map(({ requests }) => destroyed(requests).filter(Boolean).length)).toEqual([1, 0, 0, 0, 0])
    await expectReached('frp_memory', 1)
    expect(await rig.timesReached('frp_memory_per_session')).toBe(0)
  })
})
