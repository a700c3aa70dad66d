import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import path from 'node:path'
import { errors } from 'undici'
import { expect, it } from 'vitest'
import { startExApp } from '../support/exapp.ts'
import { type ChildProcess, startProcess } from '../support/peers/child-process.ts'
import { type ClientOptions, Rig, type RigOptions, describeWithFrpc } from './rig.ts'

/** An old frpc is given up after 3 s; the rest is for a busy machine. Without that it would be half an hour. */
const fastMs = 10_000

/** What it takes to see that a running request is left alone: longer than that. */
const longMs = 6_000

const noMux = 'transport.tcpMux = false'
const websocket = 'transport.protocol = "websocket"'

const transports: Readonly<Record<string, { readonly rig?: RigOptions; readonly client?: Partial<ClientOptions> }>> = {
  'plain TCP': {},
  'mutual TLS': { rig: { tls: true } },
  'a websocket': { client: { settings: websocket } },
  'a connection for each request': { client: { settings: noMux } },
  'a connection with mutual TLS for each request': { rig: { tls: true }, client: { settings: noMux } },
  'a websocket for each request': { client: { settings: `${noMux}\n${websocket}` } },
  'compressed and encrypted payload': { client: { proxySettings: 'transport.useEncryption = true\ntransport.useCompression = true' } },
}

/** What comes of a request whose service is not there: frpc closes the connection, or has to be asked. */
async function outcomeOf(rig: Rig): Promise<{ readonly outcome: string; readonly ms: number }> {
  const started = performance.now()
  const failure: unknown = await rig.pool().request({ path: '/heartbeat', method: 'GET' }).catch((error: unknown) => error)
  return { outcome: nameOf(failure), ms: performance.now() - started }
}

function nameOf(failure: unknown): string {
  if (!(failure instanceof Error)) return 'answered'
  const isClosed = failure instanceof errors.SocketError || ('code' in failure && failure.code === 'ECONNRESET')
  return isClosed ? 'closed' : failure.name
}

describeWithFrpc('a service that is not there', (version) => {
  /** Since 0.68.0 frpc closes what it cannot pass on; before that it leaves it, and has to be asked. */
  const failure = version === '0.61.1' ? 'ServiceUnreachableError' : 'closed'

  for (const [title, { rig: options, client }] of Object.entries(transports)) {
    it(`is known at once, and as soon as it is there it is reached, over ${title}`, async () => {
      await using rig = await Rig.start(options)
      await rig.connect({ version, unixSocket: 'late.sock', ...client })
      const { outcome, ms } = await outcomeOf(rig)
      expect(outcome).toBe(failure)
      expect(ms).toBeLessThan(fastMs)

      const service = await startExApp({ listen: { unixSocket: path.join(rig.folder, 'late.sock') } })
      const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
      expect(await response.body.json()).toEqual({ status: 'ok' })
      await service.close()
    })
  }

  it('is known when a killed process has left its socket behind, and what it was working on ends at once', async () => {
    await using rig = await Rig.start()
    await using service = await startKillable(rig)
    await rig.connect({ version, unixSocket: 'killable.sock' })
    const running = rig.pool().request({ path: '/', method: 'GET' }).catch(nameOf)
    await service.waitForOutput(/asked/)
    service.kill('SIGKILL')
    expect(await running).toBe('closed')
    await service.exited
    const { outcome, ms } = await outcomeOf(rig)
    expect(outcome).toBe(failure)
    expect(ms).toBeLessThan(fastMs)
  })

  it('on a port is known as well', async () => {
    await using rig = await Rig.start()
    const onPort = 'localIP = "127.0.0.1"\nlocalPort = 1'
    await rig.connect({ version, plugin: onPort })
    const { outcome, ms } = await outcomeOf(rig)
    expect(outcome).toBe('closed')
    expect(ms).toBeLessThan(fastMs)
  })
})

describeWithFrpc('a service that takes long', (version) => {
  it('is left alone, also when it takes no more requests meanwhile', async () => {
    await using rig = await Rig.start()
    const waiting: ServerResponse[] = []
    const server = createServer((_request, response) => void waiting.push(response))
    await listening(server, path.join(rig.folder, 'draining.sock'))
    await rig.connect({ version, unixSocket: 'draining.sock' })
    const pool = rig.pool()
    const first = pool.request({ path: '/first', method: 'GET' })
    await expect.poll(() => waiting.length).toBe(1)
    const second = pool.request({ path: '/second', method: 'GET' })
    await expect.poll(() => waiting.length).toBe(2)
    const started = performance.now()
    server.close() // takes its socket away; what runs goes on
    expect((await outcomeOf(rig)).outcome).not.toBe('answered')
    await expect.poll(() => performance.now() - started, { timeout: 2 * longMs, interval: 100 }).toBeGreaterThan(longMs)
    for (const response of waiting) response.end('done')
    expect(await Promise.all([first, second].map(async (answer) => (await answer).body.text()))).toEqual(['done', 'done'])
    server.closeAllConnections()
  })

  it('may be too busy to take a connection, for as long as it likes', async () => {
    await using rig = await Rig.start()
    await using service = await startBusy(rig, 100)
    await rig.connect({ version, unixSocket: 'busy.sock' })
    const pool = rig.pool()
    const first = pool.request({ path: '/', method: 'GET' })
    await service.waitForOutput(/computing/)
    const second = pool.request({ path: '/', method: 'GET' }) // waits in its queue
    expect(await Promise.all([first, second].map(async (answer) => (await answer).body.text()))).toEqual(['computed', 'computed'])
  }, 40_000)

  it('is left alone when its queue is full and nobody else finds a place there', async () => {
    await using rig = await Rig.start()
    await using service = await startBusy(rig, 1)
    await rig.connect({ version, unixSocket: 'busy.sock' })
    const pool = rig.pool()
    const first = pool.request({ path: '/', method: 'GET' })
    await service.waitForOutput(/computing/)
    for (let others = 0; others < 5; others += 1) void pool.request({ path: '/', method: 'GET' }).catch(nameOf)
    expect(await (await first).body.text()).toBe('computed')
  }, 40_000)
})

/** Says when it is asked, and never answers. */
async function startKillable(rig: Rig): Promise<ChildProcess> {
  return startServing(rig, 'killable.sock', `createServer(() => console.log('asked'))`)
}

/** Computes for each answer without looking at anything else. */
async function startBusy(rig: Rig, backlog: number): Promise<ChildProcess> {
  const compute = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${longMs})`
  return startServing(rig, 'busy.sock', `createServer((_, response) => { process.stdout.write('computing\\n'); ${compute}; response.end('computed') })`, backlog)
}

async function startServing(rig: Rig, socket: string, server: string, backlog = 100): Promise<ChildProcess> {
  const program = `const { createServer } = require('node:http'); ${server}.listen({ path: ${JSON.stringify(path.join(rig.folder, socket))}, backlog: ${backlog} }, () => console.log('listening'))`
  const service = await startProcess({ program: process.execPath, args: ['--eval', program] })
  await service.waitForOutput(/listening/)
  return service
}

async function listening(server: Server, socket: string): Promise<void> {
  server.listen(socket)
  await once(server, 'listening')
}
