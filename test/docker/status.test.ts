import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createProbe } from '../../proxy/nextcloud/probe.ts'
import { type ProxyStatus, statusSchema } from '../../proxy/status.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { frp } from '../support/peers/frp.ts'
import { EngineStage } from './engine-stage.ts'
import { startStandInEngine } from './stand-in-engine.ts'

const version = '0.61.1'

async function statusOf(stage: EngineStage): Promise<ProxyStatus> {
  const response = await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/status`)
  return statusSchema.parse(await response.json())
}

describeWithPeer('/status of the admin port', frp(version), () => {
  it('names the engines that have dialled in, from where, and whether they answer', async () => {
    await using stage = await EngineStage.set()
    const engine = await startStandInEngine(stage.socket('engine.sock'))
    stage.alsoClose(() => engine.close())
    expect((await statusOf(stage)).engines).toEqual([])
    const frpc = await stage.connectEngine({ version, remotePort: 24_005, socketPath: stage.socket('engine.sock') })
    const entry = { name: 'deploy-daemon-24005', remotePort: 24_005, clientAddress: '127.0.0.1', frpcVersion: version }
    await expect.poll(async () => (await statusOf(stage)).engines).toEqual([{ ...entry, dockerVersion: expect.stringMatching(/^\d+\.\d+|^API/) }])
    await frpc.stop()
    await expect.poll(async () => (await statusOf(stage)).engines).toEqual([])
  })

  it('says why an engine behind its tunnel does not answer', async () => {
    await using stage = await EngineStage.set()
    await stage.connectEngine({ version, remotePort: 24_006, socketPath: stage.socket('nobody.sock') })
    await expect.poll(async () => (await statusOf(stage)).engines[0]?.problem, { timeout: 15_000 }).toMatch(/tunnel 24006|remote port 24006/)
  })

  it('tells when AppAPI was seen, and that somebody has another key', async () => {
    await using stage = await EngineStage.set()
    expect((await statusOf(stage)).appApi).toEqual({})
    await stage.call({ path: '/info', headers: { 'harp-shared-key': 'another' } })
    expect((await statusOf(stage)).appApi).toEqual({ wrongKeySeen: expect.stringMatching(/^\d{4}-.*Z$/) })
    await stage.call({ path: '/info' })
    expect((await statusOf(stage)).appApi.lastSeen).toMatch(/^\d{4}-.*Z$/)
    expect(JSON.stringify(await statusOf(stage))).not.toContain('another')
  })

  it('tells whether Nextcloud answers', async () => {
    await using stage = await EngineStage.set()
    expect((await statusOf(stage)).nextcloud).toMatchObject({ reachable: true, reason: 'Answers' })
  })
})

describe('the question whether Nextcloud can be reached', () => {
  async function ask(url: string): Promise<unknown> {
    const probe = createProbe({ url: new URL(url), now: () => performance.now() })
    onTestFinished(() => probe.close())
    return probe.ask()
  }

  async function server(status: number, headers: Record<string, string>, body: string): Promise<string> {
    const listener = createServer((_incoming, reply) => reply.writeHead(status, headers).end(body)).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    onTestFinished(() => {
      listener.close().closeAllConnections()
    })
    return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  }

  const json = { 'content-type': 'application/json' }
  it.each([
    ['Maintenance', 200, json, '{"installed":true,"maintenance":true}', /maintenance:mode --off/],
    ['NotInstalled', 200, json, '{"installed":false,"maintenance":false}', /not installed/],
    ['Redirect', 302, { location: 'https://elsewhere.example' }, '', /redirects elsewhere \(302\)/],
    ['NoNextcloud', 200, { 'content-type': 'text/html' }, '<h1>It works!</h1>', /is no Nextcloud/],
    ['NoNextcloud', 502, {}, 'Bad Gateway', /is no Nextcloud: 502 Bad Gateway/],
    ['NoNextcloud', 200, json, `{"installed":true,"maintenance":false,"x":"${'x'.repeat(300_000)}"}`, /is no Nextcloud/],
  ])('is answered with %s for status %i', async (reason, status, headers, body, message) => {
    expect(await ask(await server(status, headers, body))).toEqual({ reachable: false, reason, message: expect.stringMatching(message) })
  })

  it('is answered with what an admin can act on when there is no connection', async () => {
    expect(await ask('http://no-such-name.invalid')).toMatchObject({ reachable: false, reason: 'DNS', message: expect.stringContaining('no-such-name.invalid') })
    const free = await server(200, {}, '')
    expect(await ask(free.replace('http:', 'https:'))).toMatchObject({ reason: 'TLS' })
    expect(await ask('http://127.0.0.1:1')).toMatchObject({ reason: 'Refused', message: 'nothing listens at 127.0.0.1:1' })
  })

  it('is not asked more often than every 15 s, however many ask', async () => {
    let calls = 0
    let time = 0
    const listener = createServer((_incoming, reply) => {
      calls += 1
      reply.writeHead(200, json).end('{"installed":true,"maintenance":false,"versionstring":"32.0.1"}')
    }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    onTestFinished(() => {
      listener.close().closeAllConnections()
    })
    const probe = createProbe({ url: new URL(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/index.php`), now: () => time })
    onTestFinished(() => probe.close())
    expect(await Promise.all([probe.ask(), probe.ask()])).toEqual(Array.from({ length: 2 }, () => ({ reachable: true, reason: 'Answers', message: 'Nextcloud 32.0.1 answers' })))
    time = 14_999
    await probe.ask()
    expect(calls).toBe(1)
    time = 15_000
    await probe.ask()
    expect(calls).toBe(2)
  })
})
