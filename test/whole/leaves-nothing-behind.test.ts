import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { it } from 'vitest'
import { WebSocket } from 'ws'
import { answerOn, connectHttp2 } from '../request/http2-client.ts'
import { connectRaw } from '../request/raw-client.ts'
import { demoApp } from '../request/stage.ts'
import { heldBytes, inspectable } from '../support/child-heap.ts'
import { type DataPlaneProcess, startDataPlaneProcess } from '../support/data-plane-process.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { type ExAppStandIn, startExApp } from '../support/exapp.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import { readMetrics } from '../support/leftovers.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { sendForAnswer } from '../support/send.ts'
import { RawClient } from '../tunnel/raw-client.ts'
import { SHARED_KEY } from '../tunnel/rig.ts'

const [, version] = frpVersions

/** Compiled code and caches still grow a little; 20,000 requests that leave 200 bytes each would be found. */
const allowedGrowth = 4 * 1024 ** 2

const routes = [{ url: '.*', access_level: 0 as const }]

describeWithPeer('20,000 requests of every kind', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
  let folder: string
  let nextcloud: NextcloudStandIn
  let exApps: readonly ExAppStandIn[]
  let plane: DataPlaneProcess
  prepare(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harpoon-nothing-'))
    nextcloud = await startNextcloud({ sharedKey: SHARED_KEY })
    const near = await startExApp({ listen: { port: 0 } })
    exApps = [near, await startExApp({ listen: { unixSocket: join(folder, 'exapp.sock') } })]
    nextcloud.addExApp(demoApp(near.port ?? 0))
    nextcloud.addExApp({ appId: 'far', host: '127.0.0.1', port: 23_000, routes })
    nextcloud.addExApp({ appId: 'dead', port: 1, routes })
    plane = await startDataPlaneProcess(
      {
        NC_INSTANCE_URL: nextcloud.url,
        HARPOON_CERTS_DIR: folder,
        HP_SHARED_KEY: SHARED_KEY,
        HP_FRP_DISABLE_TLS: 'true',
        HP_BLACKLIST_COUNT: '100000',
        HP_BLACKLIST_WINDOW: '1',
        HP_TIMEOUT_CLIENT: '3s',
        HP_LOG_LEVEL: 'error',
      },
      [inspectable],
    )
  })
  finish(async () => {
    await plane.stop()
    for (const exApp of exApps) await exApp.close()
    await nextcloud.close()
    await rm(folder, { recursive: true, force: true })
  })

  it(
    'leave no connection, stream, timer or memory behind',
    async () => {
      await load(2_000) // compiles the code and fills the caches that stay
      const before = await quiet()
      const heldBefore = await heldBytes(plane)
      await load(20_000)
      expect(await quiet()).toEqual(before)
      expect((await heldBytes(plane)) - heldBefore).toBeLessThan(allowedGrowth)
    },
    600_000,
  )

  /** Waits until nothing runs, and tells what the process has open. */
  async function quiet(): Promise<{ files: number; handles: number | undefined; resources: number | undefined }> {
    const idle = ['harpoon_requests_running', 'harpoon_upgraded_connections', 'harpoon_read_ahead_bytes', 'harpoon_tunnels_connected', 'harpoon_tunnel_sessions', 'harpoon_tunnel_unauthenticated_connections']
    const zero = [...idle, 'harpoon_failing_clients', 'harpoon_cached_sessions', ...['undecided', 'http1', 'http2', 'upgraded'].map((protocol) => `harpoon_http_connections{listener="http",protocol="${protocol}"}`)]
    const metrics = async () => readMetrics((await sendForAnswer({ port: plane.ports.admin, path: '/metrics', headers: { connection: 'close' } })).text)
    await expect.poll(async () => { const now = await metrics(); return zero.filter((name) => now.get(name) !== 0) }, { timeout: 60_000, interval: 200 }).toEqual([])
    // Connections that are kept to ExApps and Nextcloud go after a few seconds.
    const files = async () => (await readdir(`/proc/${plane.pid}/fd`)).length
    let fewest = await files()
    let since = performance.now()
    await expect.poll(async () => {
      const now = await files()
      if (now < fewest) [fewest, since] = [now, performance.now()]
      return performance.now() - since
    }, { timeout: 60_000, interval: 200 }).toBeGreaterThan(6_000)
    const now = await metrics()
    return { files: fewest, handles: now.get('nodejs_active_handles_total'), resources: now.get('nodejs_active_resources_total') }
  }

  /** So many requests, in the shares of a bad day. */
  async function load(requests: number): Promise<void> {
    const share = (part: number): number => Math.round(requests * part)
    await Promise.all([
      overHttp2(share(0.3), '/exapps/demo/public', {}),
      overHttp2(share(0.1), '/exapps/demo/echo', { body: 'x'.repeat(20_000) }),
      overHttp2(share(0.1), '/exapps/nobody/x', {}),
      overHttp2(share(0.05), '/exapps/dead/x', {}),
      overHttp2(share(0.05), '/exapps/demo/user', { headers: { cookie: 'oc_sessionPassphrase=nobodys' } }),
      pipelined(share(0.2)),
      takenBack(share(0.05)),
      cutOff(share(0.05)),
      webSockets(share(0.02)),
      logins(share(0.01)),
      throughTunnels(share(0.07)),
    ])
  }

  async function overHttp2(count: number, path: string, more: { readonly body?: string; readonly headers?: Record<string, string> }): Promise<void> {
    for (let done = 0; done < count; done += 500) {
      const client = connectHttp2(plane.ports.http)
      for (let batch = 0; batch < Math.min(500, count - done); batch += 50) {
        await Promise.all(Array.from({ length: 50 }, () => client.ask({ path, ...more, ...(more.body === undefined ? {} : { method: 'POST' }) })))
      }
      client.close()
    }
  }

  async function pipelined(count: number): Promise<void> {
    for (let done = 0; done < count; done += 50) {
      const client = await connectRaw(plane.ports.http)
      client.write('GET /exapps/demo/public HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(49) + 'GET /exapps/demo/public HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await client.closed
    }
  }

  /** Requests that their client resets once the ExApp has them. */
  async function takenBack(count: number): Promise<void> {
    for (let done = 0; done < count; done += 50) {
      const client = connectHttp2(plane.ports.http)
      const streams = Array.from({ length: 50 }, (_none, index) => client.open({ path: index % 2 === 0 ? '/exapps/demo/stream' : '/exapps/demo/hang' }, true))
      const ended = streams.map((stream) => answerOn(stream))
      await client.ask({ path: '/exapps/demo/public' })
      for (const stream of streams) stream.close(8)
      await Promise.all(ended)
      client.close()
    }
  }

  /** Connections that end in the middle of an upload, an answer, or before either. */
  async function cutOff(count: number): Promise<void> {
    const texts = [
      'POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf',
      `POST /exapps/demo/hang HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(500_000)}`,
      'GET /exapps/demo/big?bytes=10000000 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /exapps/far/slow?ms=500 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /exapps/demo/hang HTTP/1.1\r\nHo',
    ]
    for (let done = 0; done < count; done++) {
      const client = await connectRaw(plane.ports.http)
      client.write(texts[done % texts.length] ?? '')
      await new Promise((resolve) => setTimeout(resolve, done % 20))
      if (done % 2 === 0) client.socket.destroy()
      else client.socket.resetAndDestroy()
    }
  }

  async function webSockets(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      const socket = new WebSocket(`ws://127.0.0.1:${plane.ports.http}/exapps/demo/ws`)
      await once(socket, 'open')
      socket.send('x')
      await once(socket, 'message')
      const closed = once(socket, 'close')
      if (done % 2 === 0) socket.close()
      else socket.terminate()
      await closed
    }
  }

  /** Clients of tunnels that log in, claim, and go; every other one with a wrong token. */
  async function logins(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      const client = await RawClient.connect(plane.ports.frp)
      client.login(done % 2 === 0 ? {} : { metas: { token: 'wrong' } })
      await expect.poll(() => client.heard().length, { timeout: 20_000 }).toBeGreaterThan(0)
      if (done % 2 === 0) client.say('p', { proxy_name: 'passing', proxy_type: 'tcp', remote_port: 23_500 })
      client.socket.destroy()
    }
  }

  /** Requests through a tunnel whose client is killed and started again meanwhile: some wait, some fail, all end. */
  async function throughTunnels(count: number): Promise<void> {
    const start = (): Promise<ChildProcess> =>
      startFrpc({ version, config: harpClientConfig({ frpPort: plane.ports.frp, sharedKey: SHARED_KEY, certificates: '', appId: 'far', remotePort: 23_000, unixSocket: join(folder, 'exapp.sock') }).replaceAll(/^transport\.tls\..*$/gm, '') })
    let frpc = await start()
    for (let round = 0; round < 3; round++) {
      const asked = overHttp2(Math.ceil(count / 3), '/exapps/far/x', {})
      await new Promise((resolve) => setTimeout(resolve, 300))
      frpc.kill('SIGKILL')
      await frpc.exited
      frpc = await start()
      await asked
    }
    await frpc.stop()
  }
})
