import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type DataPlaneProcess, startDataPlaneProcess } from '../support/data-plane-process.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { type ExAppStandIn, startExApp } from '../support/exapp.ts'
import { makeLikeHarp } from '../support/frp-certificates.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { send, sendForAnswer } from '../support/send.ts'
import { demoApp, directHeaders, userCookie } from '../request/stage.ts'

/** An ExApp installed by HaRP: its frpc, its certificates, its environment. Only the container in the middle is another one. */
for (const version of frpVersions) {
  describeWithPeer('a HaRP user changes the container', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let folder: string
    let nextcloud: NextcloudStandIn
    let exApp: ExAppStandIn
    let frpc: ChildProcess
    let plane: DataPlaneProcess
    let environment: Record<string, string>

    prepare(async () => {
      folder = await mkdtemp(join(tmpdir(), 'harpoon-place-'))
      await mkdir(join(folder, 'certs'))
      await makeLikeHarp(join(folder, 'certs', 'frp'))
      nextcloud = await startNextcloud({ sharedKey })
      nextcloud.addUser({ id: 'usr', password: 'usr' })
      nextcloud.setSession('session-of-usr', 'usr')
      nextcloud.addExApp(demoApp(23_000))
      exApp = await startExApp({ listen: { unixSocket: join(folder, 'exapp.sock') } })
      const [http, frp] = [await freePort(), await freePort()]
      environment = {
        NC_INSTANCE_URL: `${nextcloud.url}/index.php`,
        HARPOON_CERTS_DIR: join(folder, 'certs'),
        HP_EXAPPS_ADDRESS: `127.0.0.1:${http}`,
        HP_FRP_ADDRESS: `127.0.0.1:${frp}`,
        HP_TIMEOUT_CONNECT: '10s',
        HP_LOG_LEVEL: 'info',
      }
      plane = await startDataPlaneProcess(environment)
      frpc = await startFrpc({ version, config: harpClientConfig({ frpPort: frp, sharedKey, certificates: join(folder, 'certs', 'frp'), appId: 'demo', remotePort: 23_000, unixSocket: join(folder, 'exapp.sock') }) })
      await frpc.waitForOutput(/start proxy success/)
    })
    finish(async () => {
      await frpc.stop()
      await plane.stop()
      await exApp.close()
      await nextcloud.close()
      await rm(folder, { recursive: true, force: true })
    })

    it('AppAPI hears the heartbeat of the ExApp and drives its init and enabling', async () => {
      const answer = await sendForAnswer({ port: plane.ports.http, path: '/exapps/demo/heartbeat', headers: directHeaders() })
      expect(JSON.parse(answer.text)).toEqual({ status: 'ok' })
      const enabled = await sendForAnswer({ port: plane.ports.http, method: 'PUT', path: '/exapps/demo/enabled?enabled=1', headers: directHeaders() })
      expect(enabled.status).toBe(200)
      expect(exApp.requests.at(-1)).toMatchObject({ method: 'PUT', url: '/enabled?enabled=1' })
    })

    it('a visitor is let in by the routes, and the ExApp knows who it is', async () => {
      expect(await sendForAnswer({ port: plane.ports.http, path: '/exapps/demo/user' })).toMatchObject({ status: 403 })
      expect(await sendForAnswer({ port: plane.ports.http, path: '/exapps/demo/user', headers: { cookie: userCookie } })).toMatchObject({ status: 200 })
      const who = await sendForAnswer({ port: plane.ports.http, path: '/exapps/demo/whoami', headers: { cookie: userCookie } })
      expect(JSON.parse(who.text)).toEqual({ user: 'usr' })
    })

    it('an upload arrives whole and a download comes back whole', async () => {
      const body = randomBytes(8 * 1024 * 1024)
      const upload = await sendForAnswer({ port: plane.ports.http, method: 'POST', path: '/exapps/demo/upload', body })
      expect(JSON.parse(upload.text)).toMatchObject({ length: body.length, sha256: createHash('sha256').update(body).digest('hex') })
      const download = await sendForAnswer({ port: plane.ports.http, path: `/exapps/demo/big?bytes=${body.length}` })
      expect([download.headers['content-length'], download.text.length]).toEqual([String(body.length), body.length])
    })

    it('a WebSocket goes through', async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${plane.ports.http}/exapps/demo/ws`, { headers: { cookie: userCookie } })
      await once(socket, 'open')
      socket.send('through the tunnel')
      const [echo] = (await once(socket, 'message')) as [Buffer]
      expect(echo.toString()).toBe('through the tunnel')
      socket.close()
      await once(socket, 'close')
    })

    it('requests that arrive while the container restarts are held until the ExApp is back', async () => {
      await plane.stop()
      plane = await startDataPlaneProcess(environment)
      const answers = await Promise.all(Array.from({ length: 20 }, () => send({ port: plane.ports.http, path: '/exapps/demo/public' })))
      expect(answers.map((answer) => (answer === 'dropped' ? answer : answer.status))).toEqual(Array.from({ length: 20 }, () => 200))
    }, 40_000)

    it('Q38: an ExApp that lost its frpc is told to the key holder, not to visitors', async () => {
      const other = directHeaders({ 'ex-app-id': 'gone' })
      nextcloud.addExApp({ ...demoApp(23_007), appId: 'gone' })
      const visitor = await sendForAnswer({ port: plane.ports.http, path: '/exapps/gone/public' })
      const appApi = await sendForAnswer({ port: plane.ports.http, path: '/exapps/gone/heartbeat', headers: other })
      expect(visitor).toMatchObject({ status: 503, text: '503 Service Unavailable' })
      expect(appApi.status).toBe(503)
      expect(appApi.text).toMatch(/^(no tunnel on remote port 23007:|tcp:127.0.0.1:23007 cannot be reached .*no tunnel is connected on remote port 23007) .*frpc/)
    }, 90_000)

    it('no secret has reached the log', () => {
      for (const secret of [`"${sharedKey}"`, 'session-of-usr', 'OnRvaw', 'dXNyOnRvaw']) expect(plane.output()).not.toContain(secret)
    })
  })
}

/** A port that was free a moment ago: frpc's configuration and a restart need one that stays the same. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
