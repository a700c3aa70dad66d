import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { frpcVersions } from '../support/frpc.ts'
import { frp } from '../support/peers/frp.ts'
import { EngineStage } from './engine-stage.ts'
import { neverAnswer, startStandInEngine } from './stand-in-engine.ts'

const limitMs = 1_000
/** A busy machine is late; without a limit of ours the answers would take half an hour. */
const inTime = limitMs + 1_500
const environment = { HP_TIMEOUT_CONNECT: `${limitMs}ms` }

/** A server that takes connections and does something else than HTTP with them. */
async function startRawServer(stage: EngineStage, name: string, greeting?: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {}) // whoever connected may leave
    if (greeting !== undefined) socket.end(greeting)
  })
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(stage.socket(name))
  await once(server, 'listening')
  stage.alsoClose(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
}

describe('a ping of the engine behind the local socket', () => {
  it('is answered with the engine’s own OK', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock' })
    const engine = await startStandInEngine(stage.socket('docker.sock'))
    stage.alsoClose(() => engine.close())
    expect(await stage.ping('24000')).toMatchObject({ status: 200, text: 'OK', headers: { 'api-version': '1.47' } })
  })

  it('is answered with 401 without the right key, and the caller is banned in the end', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock' })
    for (let tries = 0; tries < 10; tries += 1) {
      expect(await stage.call({ path: '/_ping', engine: '24000', headers: { 'harp-shared-key': 'no' } })).toMatchObject(
        { status: 401 },
      )
    }
    await expect(stage.call({ path: '/_ping', engine: '24000', headers: { 'harp-shared-key': 'no' } })).rejects.toThrow(
      /ECONNRESET|socket hang up/,
    )
  })

  it.each([
    ['is there but nobody listens on it', (socket: string) => writeFile(socket, '')],
    ['is a folder, as Docker makes when it mounts what is not there', (socket: string) => mkdir(socket)],
  ])('is answered with 503 at once when the socket %s', async (_what, make) => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    await make(stage.socket('docker.sock'))
    const answer = await stage.ping('24000')
    expect(answer).toMatchObject({
      status: 503,
      text: expect.stringMatching(/^unix:.* cannot be reached \(ECONNREFUSED\); is the Docker Engine running/),
    })
    expect(answer.ms).toBeLessThan(limitMs)
  })

  it.each([
    ['says nothing', undefined, 504],
    ['speaks SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 503],
    ['closes at once', '', 503],
    ['speaks half of HTTP', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{', 503],
  ])('has its answer in time when what listens there %s', async (_what, greeting, status) => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    await startRawServer(stage, 'docker.sock', greeting)
    const answer = await stage.ping('24000')
    expect(answer.status).toBe(status)
    expect(answer.text).toMatch(/engine/i)
    expect(answer.ms).toBeLessThan(inTime)
  })

  it('is answered with 504 in time when the engine hangs', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    const engine = await startStandInEngine(stage.socket('docker.sock'), { version: neverAnswer })
    stage.alsoClose(() => engine.close())
    const start = performance.now()
    const answers = await Promise.all([
      stage.ping('24000'),
      stage.call({ path: '/v1.44/images/a/json', engine: '24000' }),
      stage.call({ path: '/v1.44/images/create?fromImage=a', method: 'POST', engine: '24000' }),
    ])
    expect(performance.now() - start).toBeLessThan(inTime)
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 504,
        text: expect.stringMatching(/is connected but does not answer; is the Docker Engine running\?$/),
      })
  })

  it('is answered with 504 in time when the engine stops half-way through its version', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    const engine = await startStandInEngine(stage.socket('docker.sock'), {
      version: (_incoming, reply) => void reply.writeHead(200).write('{"ApiVersion":'),
    })
    stage.alsoClose(() => engine.close())
    const answer = await stage.ping('24000')
    expect(answer.status).toBe(504)
    expect(answer.ms).toBeLessThan(inTime)
  })

  it('is answered with 504 in time when the engine answers everything but pings', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment })
    const engine = await startStandInEngine(stage.socket('docker.sock'), { answer: neverAnswer })
    stage.alsoClose(() => engine.close())
    const answer = await stage.ping('24000')
    expect(answer.status).toBe(504)
    expect(answer.ms).toBeLessThan(inTime)
  })

  it('goes unharmed by an engine that hangs beside', async () => {
    await using stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HP_TIMEOUT_CONNECT: '3s' } })
    const engine = await startStandInEngine(stage.socket('docker.sock'))
    stage.alsoClose(() => engine.close())
    const lost = stage.ping('24007')
    expect(await stage.ping('24000')).toMatchObject({ status: 200 })
    expect(await lost).toMatchObject({ status: 503 })
  })
})

describe('a ping of an engine that never dialled in', () => {
  it.each(['24000', '24001', '24099'])(
    'is answered with 503 in time on %s, also just after our start, when it may be on its way',
    async (port) => {
      await using stage = await EngineStage.set({ environment })
      const start = performance.now()
      const answers = await Promise.all([
        stage.ping(port),
        stage.ping(port),
        stage.call({ path: '/images/a/json', engine: port }),
      ])
      expect(performance.now() - start).toBeLessThan(inTime)
      for (const answer of answers)
        expect(answer).toMatchObject({
          status: 503,
          text: expect.stringMatching(new RegExp(`^no tunnel on remote port ${port}: .*is frpc running`)),
        })
    },
  )
})

for (const version of frpcVersions) {
  describeWithPeer(`a ping of an engine behind frpc ${version}`, frp(version), () => {
    for (const [port, tls] of [
      ['24001', true],
      ['24000', false],
    ] as const) {
      it(`is answered with the engine’s own OK on ${port} ${tls ? 'through mutual TLS' : 'without TLS'}`, async () => {
        await using stage = await EngineStage.set({ tls, environment: { HP_TIMEOUT_CONNECT: '10s' } })
        const engine = await startStandInEngine(stage.socket('engine.sock'))
        stage.alsoClose(() => engine.close())
        await stage.connectEngine({ version, remotePort: Number(port), socketPath: stage.socket('engine.sock') })
        expect(await stage.ping(port)).toMatchObject({ status: 200, text: 'OK' })
        expect(engine.requests.map(({ url }) => url)).toEqual(['/v1.44/_ping'])
      })
    }

    it('is answered with 504 in time when the engine hangs', async () => {
      await using stage = await EngineStage.set({ environment })
      const engine = await startStandInEngine(stage.socket('engine.sock'), { version: neverAnswer })
      stage.alsoClose(() => engine.close())
      await stage.connectEngine({ version, remotePort: 24_001, socketPath: stage.socket('engine.sock') })
      const answer = await stage.ping('24001')
      expect(answer).toMatchObject({
        status: 504,
        text: expect.stringMatching(/^the server behind tunnel 24001 is connected but does not answer/),
      })
      expect(answer.ms).toBeLessThan(inTime)
    })

    it('is answered with 503 or 504 in time when frpc is there and its engine is not', async () => {
      await using stage = await EngineStage.set({ environment })
      await stage.connectEngine({ version, remotePort: 24_001, socketPath: stage.socket('no-engine.sock') })
      const answer = await stage.ping('24001')
      expect([503, 504]).toContain(answer.status)
      expect(answer.text).toMatch(/engine|tunnel/i)
      expect(answer.ms).toBeLessThan(inTime)
    })

    it('is answered with 503 and the reason within seconds, however long an engine may take, when frpc reaches none', async () => {
      await using stage = await EngineStage.set({ environment: { HP_TIMEOUT_CONNECT: '300s' } })
      await stage.connectEngine({ version, remotePort: 24_001, socketPath: stage.socket('no-engine.sock') })
      const answer = await stage.ping('24001')
      expect(answer).toMatchObject({ status: 503, text: expect.stringMatching(/^the (server behind tunnel|tunnel on remote port) 24001 .*is (it running there|the Docker Engine running)/) })
      expect(answer.ms).toBeLessThan(10_000)
    })

    it('is answered with 504 in time when frpc itself hangs', async () => {
      await using stage = await EngineStage.set({ environment })
      const engine = await startStandInEngine(stage.socket('engine.sock'))
      stage.alsoClose(() => engine.close())
      const frpc = await stage.connectEngine({ version, remotePort: 24_001, socketPath: stage.socket('engine.sock') })
      frpc.kill('SIGSTOP')
      stage.alsoClose(async () => frpc.kill('SIGCONT')) // so that it can be ended
      const answer = await stage.ping('24001')
      expect(answer).toMatchObject({ status: 504 })
      expect(answer.ms).toBeLessThan(inTime)
    })
  })
}
