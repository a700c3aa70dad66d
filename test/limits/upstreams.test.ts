import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startStandInEngine } from '../docker/stand-in-engine.ts'
import { startHttpExApp } from '../request/http-exapp.ts'
import { startRawExApp } from '../request/raw-exapp.ts'
import { demoApp, directHeaders, freshClient } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { send, sendForAnswer, statusOf } from '../support/send.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

describeLimits('what waits for an ExApp or an engine', () => {
  let stage: LimitStage
  afterEach(() => stage.close())
  const signed = (path: string) => sendForAnswer({ port: stage.port, path, headers: directHeaders() })

  it('is so many requests; one more is answered with 503, other ExApps are served', async () => {
    stage = await setLimitStage({}, { limits: { requestsPerUpstream: 3 } })
    const slow = await startHttpExApp(() => {})
    stage.nextcloud.addExApp({ ...demoApp(slow.port), appId: 'slow' })
    let arrived = 0
    slow.server.on('request', () => (arrived += 1))
    const hanging = [1, 2, 3].map(() => send({ port: stage.port, path: '/exapps/slow/x' }))
    await expect.poll(() => arrived).toBe(3)
    expect(await signed('/exapps/slow/x')).toMatchObject({ status: 503, text: `3 requests to tcp:127.0.0.1:${slow.port} wait for its answers already; is it busy?` })
    expect(await sendForAnswer({ port: stage.port, path: '/exapps/slow/x' })).toMatchObject({ status: 503, text: '503 Service Unavailable' })
    expect(await stage.timesReached('requests_per_upstream')).toBe(2)
    await stage.expectOthersServed()
    await slow.close()
    await Promise.all(hanging)
    expect(await statusOf({ port: stage.port, path: '/exapps/slow/x' })).toBe(503) // nobody listens any more: another reason
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'unreachable' })
  })

  it('is so many WebSockets through one tunnel', async () => {
    stage = await setLimitStage({}, { limits: { upgradesPerTunnel: 2 } })
    const open = async (app: string): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${stage.port}/exapps/${app}/ws`)
      await once(socket, 'open')
      return socket
    }
    const sockets = [await open('other'), await open('other')]
    await expect(open('other')).rejects.toThrow('Unexpected server response: 503')
    expect(await stage.timesReached('upgrades_per_tunnel')).toBe(1)
    sockets.push(await open('demo'))
    await stage.expectOthersServed()
    for (const socket of sockets) {
      socket.close()
      await once(socket, 'close')
    }
    const again = await open('other')
    again.close()
    await once(again, 'close')
  })

  /** A client with a tunnel that never opens a work connection. */
  async function frozenTunnel(remotePort: number): Promise<RawClient> {
    const client = await RawClient.connect(stage.plane.ports.frp)
    client.login({ metas: { token: sharedKey } })
    client.say('p', { proxy_name: `frozen${remotePort}`, proxy_type: 'tcp', remote_port: remotePort })
    await expect.poll(() => client.heard().map(({ type }) => type)).toContain('2')
    return client
  }

  it('is so many requests that wait for frpc to open a connection', async () => {
    stage = await setLimitStage({}, { tunnelLimits: { workConnectionWaiters: 2 } })
    using frozen = await frozenTunnel(23_100)
    stage.nextcloud.addExApp({ ...demoApp(23_100), appId: 'frozen' })
    const waiting = [1, 2].map(() => send({ port: stage.port, path: '/exapps/frozen/x' }))
    await expect.poll(() => frozen.heard().filter(({ type }) => type === 'r').length).toBe(2)
    expect(await signed('/exapps/frozen/x')).toMatchObject({ status: 503, text: 'too many requests wait for a work connection of the tunnel on remote port 23100' })
    expect(await stage.timesReached('frp_requests_waiting_per_session')).toBe(1)
    await stage.expectOthersServed()
    stage.nextcloud.clearCalls()
    frozen.socket.destroy()
    void waiting
  })

  it('is so many requests for one tunnel that is on its way back, and so many for all', async () => {
    stage = await setLimitStage({}, { limits: { requestsWaitingForTunnels: 3, requestsWaitingPerTunnel: 2 } })
    for (const port of [23_100, 23_101]) stage.nextcloud.addExApp({ ...demoApp(port), appId: `away${port}` })
    const waiting = [1, 2].map(() => send({ port: stage.port, path: '/exapps/away23100/x' }))
    const waitingNow = async (): Promise<string | undefined> =>
      (await sendForAnswer({ port: stage.plane.ports.admin, path: '/metrics' })).text.split('\n').find((line) => line.startsWith('harpoon_tunnel_waiting_requests '))
    await expect.poll(waitingNow).toBe('harpoon_tunnel_waiting_requests 2')
    expect(await signed('/exapps/away23100/x')).toMatchObject({ status: 503, text: 'too many requests wait for the tunnel on remote port 23100 already' })
    expect(await stage.timesReached('requests_waiting_per_tunnel')).toBe(1)
    await stage.expectOthersServed()
    waiting.push(send({ port: stage.port, path: '/exapps/away23101/x' }))
    await expect.poll(waitingNow).toBe('harpoon_tunnel_waiting_requests 3')
    expect(await signed('/exapps/away23101/x')).toMatchObject({ status: 503, text: 'too many requests wait for tunnels already' })
    expect(await stage.timesReached('requests_waiting_for_tunnels')).toBe(1)
    await stage.expectOthersServed()
  })

  it('is kept connections to so many of them; the one used longest ago is let go, and what it has begun is finished', async () => {
    stage = await setLimitStage({}, { limits: { upstreams: 2 } })
    const apps = await Promise.all([1, 2, 3].map(() => startHttpExApp((_request, reply) => void setTimeout(() => reply.end('late'), 300))))
    for (const [n, { port }] of apps.entries()) stage.nextcloud.addExApp({ ...demoApp(port), appId: `app${n}` })
    const answers = await Promise.all([0, 1, 2].map((n) => sendForAnswer({ port: stage.port, path: `/exapps/app${n}/x` })))
    expect(answers.map(({ status, text }) => [status, text])).toEqual([[200, 'late'], [200, 'late'], [200, 'late']])
    expect(await stage.timesReached('upstreams')).toBe(1)
    await stage.expectOthersServed()
    await Promise.all(apps.map((app) => app.close()))
  })

  it('may not answer with a head beyond 64 KiB', async () => {
    stage = await setLimitStage()
    const app = await startRawExApp((request) => request.answer(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(65 * 1024)}\r\nContent-Length: 0\r\n\r\n`))
    stage.nextcloud.addExApp({ ...demoApp(app.port), appId: 'wordy' })
    expect(await signed('/exapps/wordy/x')).toMatchObject({ status: 502, text: `tcp:127.0.0.1:${app.port} answered with a head of more than 65536 bytes` })
    expect(await stage.timesReached('response_head_bytes')).toBe(1)
    await stage.expectOthersServed()
    await app.close()
  })

  it('may not answer /version without end, as an engine', async () => {
    stage = await setLimitStage({ HARPOON_DOCKER_SOCKET: join('/tmp', `harpoon-endless-${process.pid}.sock`) })
    const engine = await startStandInEngine(join('/tmp', `harpoon-endless-${process.pid}.sock`), { version: (_request, reply) => void reply.writeHead(200).write(Buffer.alloc(65 * 1024, ' ')) })
    const headers = { 'harp-shared-key': sharedKey, 'docker-engine-port': '24000' }
    expect(await sendForAnswer({ port: stage.port, path: '/exapps/app_api/_ping', headers, from: freshClient() })).toMatchObject({ status: 503, text: expect.stringContaining('/version does not end') })
    expect(await stage.timesReached('engine_answer_bytes')).toBe(1)
    await stage.expectOthersServed()
    await engine.close()
  })
})
