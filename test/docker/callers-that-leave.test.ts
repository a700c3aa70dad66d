import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { openRaw, type RawConnection, rawHead } from '../appapi/call.ts'
import { EngineStage } from './engine-stage.ts'
import { type Endpoint, exAppCall } from './exapp-call.ts'
import { startStandInEngine } from './stand-in-engine.ts'

const own = { name: 'x', image_id: 'ghcr.io/a/b:1' }

/** A container as an engine keeps it; answers to changes can be held back. */
class OneContainer {
  status: 'none' | 'created' | 'running' = 'none'
  asked: string[] = []
  held: (() => void) | undefined
  #hold: string | undefined

  /** The next such call is done, but answered only by `release`. */
  holdNext(call: string): void {
    this.#hold = call
  }

  release(): void {
    this.held?.()
    this.held = undefined
  }

  serve(call: string, reply: ServerResponse): void {
    this.asked.push(call)
    const [status, body] = this.#answer(call)
    const answer = (): void => void reply.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body))
    if (call !== this.#hold) return answer()
    this.#hold = undefined
    this.held = answer
  }

  #answer(call: string): readonly [number, object?] {
    switch (call) {
      case 'GET /volumes/nc_app_x_data':
        return [200, {}]
      case 'POST /containers/create':
        if (this.status !== 'none') return [409, {}]
        this.status = 'created'
        return [201, { Id: 'abc' }]
      case 'POST /containers/nc_app_x/start':
        if (this.status === 'running') return [304]
        this.status = 'running'
        return [204]
      case 'GET /containers/nc_app_x/json':
        return this.status === 'none' ? [404, {}] : [200, { State: { Status: this.status } }]
      case 'DELETE /containers/nc_app_x':
        this.status = 'none'
        return [204]
      default:
        return [404, {}]
    }
  }
}

describe('a caller that leaves before its answer', () => {
  let stage: EngineStage
  let engine: OneContainer
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    const server = await startStandInEngine(stage.socket('docker.sock'), {
      answer: (incoming, reply) => {
        incoming.resume()
        engine.serve(`${incoming.method} ${(incoming.url ?? '').split('?')[0]?.replace(/^\/v[0-9.]+(?=\/)/, '')}`, reply)
      },
    })
    stage.alsoClose(() => server.close())
  })
  afterAll(() => stage[Symbol.asyncDispose]())
  beforeEach(() => {
    engine = new OneContainer()
  })

  const call = async (endpoint: Endpoint): Promise<number> => (await exAppCall(stage, endpoint, own)).status
  const open = async (endpoint: Endpoint): Promise<RawConnection> => {
    const connection = await openRaw(stage.plane.ports.http)
    onTestFinished(() => void connection.socket.destroy())
    const body = JSON.stringify(own)
    connection.socket.write(`${rawHead('POST', `/docker/exapp/${endpoint}`, ['docker-engine-port: 24000', `Content-Length: ${body.length}`])}${body}`)
    return connection
  }
  /** Calls, leaves once the engine has done it, and waits until the data plane has finished with it. */
  const callAndLeave = async (endpoint: Endpoint, engineCall: string): Promise<void> => {
    engine.holdNext(engineCall)
    const calls = stage.plane.log.length
    const connection = await open(endpoint)
    await expect.poll(() => engine.held).toBeDefined()
    connection.socket.resetAndDestroy()
    await expect.poll(() => stage.plane.log.slice(calls).map(({ outcome }) => outcome)).toContain('client-gone')
    engine.release()
    await expect.poll(() => call('exists')).toBe(200)
  }

  it('finds that creating succeeds when it comes back: there is one new container', async () => {
    await callAndLeave('create', 'POST /containers/create')
    expect(engine.status).toBe('created')
    expect(await call('create')).toBe(201)
    expect(engine.asked.filter((asked) => !asked.startsWith('GET'))).toEqual(['POST /containers/create', 'POST /containers/create', 'DELETE /containers/nc_app_x', 'POST /containers/create'])
    expect(await call('create')).toBe(409)
    await call('remove')
  })

  it('finds that starting succeeds when it comes back, once', async () => {
    engine.status = 'created'
    await callAndLeave('start', 'POST /containers/nc_app_x/start')
    expect(engine.status).toBe('running')
    expect(await call('start')).toBe(204)
    expect(await call('start')).toBe(200)
    await call('remove')
  })

  it('is told the truth when the container was running before', async () => {
    engine.status = 'running'
    await callAndLeave('start', 'POST /containers/nc_app_x/start')
    expect(await call('start')).toBe(200)
    await call('remove')
  })

  it('has its call not begun when it leaves while others are served', async () => {
    engine.status = 'created'
    engine.holdNext('POST /containers/nc_app_x/start')
    const first = await open('start')
    await expect.poll(() => engine.held).toBeDefined()
    const second = await open('remove')
    const lines = stage.plane.log.length
    await expect.poll(() => call('exists')).toBe(200) // the second has been read by then
    second.socket.resetAndDestroy()
    await expect.poll(() => stage.plane.log.slice(lines).map(({ outcome }) => outcome)).toContain('client-gone')
    engine.release()
    expect(await first.answer()).toMatchObject({ status: 204 })
    expect(await call('stop')).toBe(404)
    expect(engine.asked).not.toContain('DELETE /containers/nc_app_x')
  })
})

describe('a caller that waits with a large body', () => {
  let stage: EngineStage
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    const server = await startStandInEngine(stage.socket('docker.sock'), { answer: (_incoming, reply) => void reply.writeHead(200).end('{"State":{},"Config":{"Image":"a"}}') })
    stage.alsoClose(() => server.close())
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  const open = async (lines: readonly string[]): Promise<RawConnection> => {
    const connection = await openRaw(stage.plane.ports.http)
    onTestFinished(() => void connection.socket.destroy())
    connection.socket.write(rawHead('POST', '/docker/exapp/install_certificates', ['Expect: 100-continue', ...lines]))
    return connection
  }

  it('is told to send several MiB, and kept for the next call', async () => {
    const body = JSON.stringify({ ...own, system_certs_bundle: 'x'.repeat(5 * 1024 * 1024) })
    const connection = await open(['docker-engine-port: 24000', `Content-Length: ${body.length}`])
    expect(await connection.answer()).toMatchObject({ status: 100 })
    connection.socket.write(body)
    expect(await connection.answer()).toMatchObject({ status: 204, body: '' })
    const next = JSON.stringify(own)
    connection.socket.write(`${rawHead('POST', '/docker/exapp/exists', ['docker-engine-port:', `Content-Length: ${next.length}`])}${next}`)
    expect(await connection.answer()).toMatchObject({ status: 200, body: '{"exists":true,"image_ref":"a"}' }) // an empty port is the local engine's
  })

  it.each([
    [['docker-engine-port: 24000', `Content-Length: ${9 * 1024 * 1024}`], 413],
    [['docker-engine-port: x', 'Content-Length: 5000000'], 400],
    [['Content-Length: 5000000'], 400],
  ])('is refused before it sends it: %j', async (lines, status) => {
    const connection = await open(lines)
    expect(await connection.answer()).toMatchObject({ status })
    await connection.ended
  })
})
