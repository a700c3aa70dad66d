import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ClientGoneError } from '../../request/errors.ts'
import { engineWith, say } from './engine.fixture.ts'
import type { EngineClient } from './engine-client.ts'
import { EngineRefusalError, EngineUnreachableError } from './errors.ts'
import { namesSchema } from './names.ts'
import { waitForStartEndpoint, type WaitLimits } from './wait-for-start.ts'

const body = namesSchema.parse({ name: 'x' })
const running = { Status: 'running', StartedAt: '2026-01-01T00:00:00Z' }

/** Asks one engine; the limits are shorter than HaRP's so that a test need not last as long. */
async function waitOn(engine: EngineClient, { limits = { waitMs: 10_000, overallMs: 12_000 }, signal = new AbortController().signal }: { limits?: WaitLimits; signal?: AbortSignal } = {}): Promise<unknown> {
  const reply = await waitForStartEndpoint({ sharedKeys: () => [], limits }).run({ engine, body, signal })
  expect(reply.status).toBe(200)
  return reply.body
}

/** An engine with one container, whose looks are counted, and with events that a test sends. */
class StandIn {
  state: object = { Status: 'created' }
  looks = 0
  readonly listeners: ServerResponse[] = []
  events: 'sent' | 'refused' | 'stalled' = 'sent'
  filters = ''

  client(): Promise<EngineClient> {
    return engineWith((incoming, reply) => {
      const url = new URL(incoming.url ?? '', 'http://engine')
      if (url.pathname.endsWith('/json')) {
        this.looks += 1
        return say(reply, 200, { State: this.state })
      }
      if (!url.pathname.endsWith('/events')) return say(reply, 404, {})
      this.filters = url.searchParams.get('filters') ?? ''
      if (this.events === 'refused') return say(reply, 500, {})
      if (this.events === 'stalled') return
      reply.writeHead(200).flushHeaders()
      this.listeners.push(reply)
    })
  }

  tell(action: string): void {
    for (const listener of this.listeners) listener.write(`${JSON.stringify({ Type: 'container', Action: action, status: action })}\n`)
  }
}

describe('waiting for a start', () => {
  it('follows the engine’s events: a look at the beginning, and one for each event that counts', async () => {
    const engine = new StandIn()
    const waited = waitOn(await engine.client())
    await expect.poll(() => engine.looks).toBe(1)
    expect(JSON.parse(engine.filters)).toEqual({ type: ['container'], container: ['nc_app_x'] })
    for (const action of ['exec_create: check', 'exec_start: check', 'exec_die', 'attach', 'top', 'resize']) engine.tell(action)
    await delay(700) // longer than a blind look would take
    expect(engine.looks).toBe(1)
    engine.state = { ...running, Health: { Status: 'starting' } }
    engine.tell('start')
    await expect.poll(() => engine.looks).toBe(2)
    engine.state = { ...running, Health: { Status: 'healthy' } }
    engine.tell('health_status: healthy')
    expect(await waited).toEqual({ started: true, status: 'running', health: 'healthy' })
    expect(engine.looks).toBe(3)
    await expect.poll(() => engine.listeners.every((listener) => listener.destroyed)).toBe(true)
  })

  it('reads an event that comes in pieces, and takes what is no JSON for one', async () => {
    const engine = new StandIn()
    const waited = waitOn(await engine.client())
    await expect.poll(() => engine.listeners.length).toBe(1)
    await expect.poll(() => engine.looks).toBe(1)
    engine.listeners[0]?.write('{"Action":"sta')
    await delay(100)
    expect(engine.looks).toBe(1)
    engine.listeners[0]?.write('rt"}\n')
    await expect.poll(() => engine.looks).toBe(2)
    engine.state = { Status: 'exited', ExitCode: 0 }
    engine.listeners[0]?.write('garbage\n')
    expect(await waited).toMatchObject({ started: false, status: 'exited' })
  })

  it.each(['refused', 'stalled'] as const)('looks again and again where events are %s', async (events) => {
    const engine = new StandIn()
    engine.events = events
    const waited = waitOn(await engine.client())
    await expect.poll(() => engine.looks, { timeout: 5_000 }).toBeGreaterThan(2)
    engine.state = { ...running, Health: { Status: 'healthy' } }
    expect(await waited).toMatchObject({ started: true })
  })

  it('looks again and again once the events have ended', async () => {
    const engine = new StandIn()
    const waited = waitOn(await engine.client())
    await expect.poll(() => engine.looks).toBe(1)
    engine.listeners[0]?.end()
    await expect.poll(() => engine.looks, { timeout: 5_000 }).toBeGreaterThan(2)
    engine.state = { ...running, Health: { Status: 'unhealthy' } }
    expect(await waited).toEqual({ started: true, status: 'running', health: 'unhealthy', reason: 'unhealthy' })
  })

  it('believes a container without health check after a second, not before', async () => {
    const engine = new StandIn()
    engine.state = { ...running, StartedAt: new Date().toISOString() }
    const startedAt = performance.now()
    expect(await waitOn(await engine.client())).toEqual({ started: true, status: 'running', health: null })
    expect(performance.now() - startedAt).toBeGreaterThan(900)
  })

  it('believes at once one that has run for long', async () => {
    const engine = new StandIn()
    engine.state = running
    expect(await waitOn(await engine.client())).toEqual({ started: true, status: 'running', health: null })
    expect(engine.looks).toBe(1)
  })

  it('does not believe one that is restarted again and again', async () => {
    const engine = new StandIn()
    let starts = 0
    const waited = waitOn(await engine.client(), { limits: { waitMs: 2_500, overallMs: 5_000 } })
    const restarting = setInterval(() => {
      starts += 1
      engine.state = starts % 2 === 0 ? { Status: 'restarting', ExitCode: 3 } : { ...running, StartedAt: new Date().toISOString() }
      engine.tell(starts % 2 === 0 ? 'die' : 'start')
    }, 200)
    const report = await waited
    clearInterval(restarting)
    expect(report).toMatchObject({ started: false, reason: expect.stringMatching(/^timeout after max tries/) })
  })

  it('gives up after its time, with what it has seen last', async () => {
    const engine = new StandIn()
    engine.state = { ...running, Health: { Status: 'starting' } }
    expect(await waitOn(await engine.client(), { limits: { waitMs: 300, overallMs: 5_000 } })).toEqual({ started: false, status: 'running', health: 'starting', reason: 'timeout after max tries' })
  })

  it('gives up after its time when the engine hangs, in the first look or later', async () => {
    const limits = { waitMs: 10_000, overallMs: 800 }
    const never = await engineWith((incoming, reply) => void (incoming.url?.includes('/events') && say(reply, 404, {})))
    expect(await waitOn(never, { limits })).toEqual({ started: false, status: 'unknown', health: null, reason: 'overall timeout' })
    let looks = 0
    const once = await engineWith((incoming, reply) => {
      if (incoming.url?.includes('/events')) return say(reply, 404, {})
      looks += 1
      if (looks === 1) say(reply, 200, { State: { Status: 'created' } })
    })
    expect(await waitOn(once, { limits })).toEqual({ started: false, status: 'created', health: null, reason: 'overall timeout' })
  })

  it('ends with the engine', async () => {
    const lost = await engineWith((incoming) => void incoming.socket.destroy())
    await expect(waitOn(lost)).rejects.toThrow(EngineUnreachableError)
    const failing = await engineWith((_incoming, reply) => say(reply, 500, { message: 'no space left' }))
    await expect(waitOn(failing)).rejects.toThrow(new EngineRefusalError("Error inspecting container 'nc_app_x': Status 500: no space left"))
    const odd = await engineWith((_incoming, reply) => say(reply, 200, '[]'))
    await expect(waitOn(odd)).rejects.toThrow(EngineRefusalError)
  })

  it('ends with the caller', async () => {
    const engine = new StandIn()
    const caller = new AbortController()
    const waited = waitOn(await engine.client(), { signal: caller.signal })
    await expect.poll(() => engine.looks).toBe(1)
    caller.abort(new ClientGoneError('gone'))
    await expect(waited).rejects.toThrow(ClientGoneError)
    await expect.poll(() => engine.listeners.every((listener) => listener.destroyed)).toBe(true)
  })
})
