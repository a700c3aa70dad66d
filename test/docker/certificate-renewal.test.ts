import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { openScratch } from '../support/frp-certificates.ts'
import { engineForLife, type LifeStage, setLifeStage } from './life-stage.ts'

const dayMs = 24 * 60 * 60_000

/** Waits for a container and for frpc's next try, which comes within 20 s. */
const TIMEOUT_MS = 120_000

/** Passes bytes on to a port until it is told to cut all connections; new ones pass again. */
async function startRelay(): Promise<{ readonly port: number; target: number; cut(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const relay = {
    port: 0,
    target: 0,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      server.close()
      relay.cut()
    },
  }
  const server = createServer((client) => {
    const upstream = connect(relay.target, '127.0.0.1')
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket)
      socket.on('error', () => {}) // cut on purpose, or the end of the test
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  relay.port = (server.address() as AddressInfo).port
  return relay
}

describeWithPeer('the tunnel certificate of an ExApp that is installed', engineForLife, ({ current }) => {
  const closers: (() => PromiseLike<unknown>)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  /** A container's own file. */
  const fileOf = async (life: LifeStage, appId: string, name: string): Promise<string> => {
    const archive = await life.engine.docker(['cp', `nc_app_${appId}:/certs/frp/${name}`, '-'])
    return /-----BEGIN[^]*-----END [A-Z ]+-----\n/.exec(archive)?.[0] ?? ''
  }
  const admin = async (life: LifeStage, what: 'metrics' | 'readyz'): Promise<string> => (await fetch(`http://127.0.0.1:${life.stage.plane.ports.admin}/${what}`)).text()
  const renewed = async (life: LifeStage): Promise<number> => Number(/^harpoon_exapp_certificate_renewals_total\{outcome="renewed"\} (\d+)/m.exec(await admin(life, 'metrics'))?.[1] ?? 0)

  it('is replaced in place while the CA is, and frpc comes back with it', async () => {
    const relay = await startRelay()
    closers.push(() => relay.close())
    const life = await setLifeStage(current(), { sharedKey: 'replaces its CA', daemon: { harp: { frpAddress: `127.0.0.1:${relay.port}`, dockerSocketPort: '24000', exAppDirect: false } } })
    closers.push(() => life[Symbol.asyncDispose]())
    const { plane } = life.stage
    relay.target = plane.ports.frp
    const manifest = await life.manifest('alpine-like', 'renewed', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    const { appId } = manifest
    const answers = async (): Promise<number> => (await fetch(`${plane.url}/exapps/${appId}/public`)).status
    expect(await answers()).toBe(200)

    const directory = path.join(plane.certificates, 'frp')
    const inDirectory = (name: string): string => path.join(directory, name)
    const old = await readFile(inDirectory('ca.crt'), 'utf8')
    expect(await fileOf(life, appId, 'ca.crt')).toBe(old)

    // A new CA signs from now on, the old one is still trusted: tunnels stay, ExApps get both and a new certificate.
    const scratch = await openScratch()
    closers.push(() => scratch.remove())
    const next = scratch.newDirectory()
    const fresh = await scratch.ensure(next, Date.now())
    for (const name of ['ca.key', 'server.key', 'server.crt']) await copyFile(path.join(next, name), inDirectory(name))
    await writeFile(inDirectory('ca.crt'), fresh.ca + old)
    await plane.reload()
    await expect.poll(() => fileOf(life, appId, 'ca.crt'), { timeout: 30_000 }).toBe(fresh.ca + old)
    const installed = new X509Certificate(await fileOf(life, appId, 'client.crt'))
    expect(installed.verify(new X509Certificate(fresh.ca).publicKey)).toBe(true)
    expect(await answers()).toBe(200)
    await expect.poll(() => renewed(life)).toBe(1)

    // The old one goes: only a client that has read the new files gets in again.
    await writeFile(inDirectory('ca.crt'), fresh.ca)
    for (const name of ['client.key', 'client.crt']) await copyFile(path.join(next, name), inDirectory(name))
    await plane.reload()
    await expect.poll(() => fileOf(life, appId, 'ca.crt'), { timeout: 30_000 }).toBe(fresh.ca)
    const containerBefore = await life.inspect(appId, '{{.Id}} {{.State.StartedAt}}')
    relay.cut()
    await expect.poll(answers, { timeout: 60_000 }).toBe(200)
    expect(await life.inspect(appId, '{{.Id}} {{.State.StartedAt}}')).toBe(containerBefore)
    expect(await admin(life, 'readyz')).toContain('[+] certificates of exapps')
    expect(plane.logText()).not.toContain('PRIVATE KEY')
  }, TIMEOUT_MS)

  it('is replaced before it ends, in a container that is stopped too', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-renewal-'))
    closers.push(() => rm(folder, { recursive: true }))
    const scratch = await openScratch()
    closers.push(() => scratch.remove())
    await scratch.ensure(path.join(folder, 'frp'), Date.now(), 5000)
    for (const name of ['client.key', 'client.crt']) await rm(path.join(folder, 'frp', name))
    await scratch.ensure(path.join(folder, 'frp'), Date.now(), 60)
    const life = await setLifeStage(current(), { sharedKey: 'ends soon', environment: { HARPOON_CERTS_DIR: folder, HP_FRP_CERT_VALIDITY_DAYS: '60' } })
    closers.push(() => life[Symbol.asyncDispose]())
    const { plane } = life.stage
    const manifest = await life.manifest('no-shell', 'ends-soon', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    const { appId } = manifest
    await life.appApi.disable(appId)
    const before = await fileOf(life, appId, 'client.crt')

    plane.advance(39 * dayMs)
    await plane.reload()
    await expect.poll(() => admin(life, 'readyz')).toContain('[+] certificates of exapps')
    expect(await fileOf(life, appId, 'client.crt')).toBe(before)

    plane.advance(2 * dayMs)
    await plane.reload()
    await expect.poll(() => renewed(life), { timeout: 30_000 }).toBe(1)
    const after = new X509Certificate(await fileOf(life, appId, 'client.crt'))
    expect(after.validToDate.getTime() - new X509Certificate(before).validToDate.getTime()).toBeGreaterThan(40 * dayMs)
    expect(await life.inspect(appId, '{{.State.Status}}')).toBe('exited')
    await plane.reload()
    expect(plane.log.filter(({ msg }) => msg === 'renewed the tunnel certificate of an ExApp')).toEqual([
      expect.objectContaining({ container: `nc_app_${appId}`, engine: 24_000, reason: 'it ends soon' }),
    ])
  }, TIMEOUT_MS)

  it('is told about in /readyz when it ends and nothing lasts longer', async () => {
    const life = await setLifeStage(current(), { sharedKey: 'cannot last', environment: { HP_FRP_CERT_VALIDITY_DAYS: '60' } })
    closers.push(() => life[Symbol.asyncDispose]())
    const { plane } = life.stage
    const manifest = await life.manifest('no-shell', 'cannot-last', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    plane.advance(45 * dayMs)
    await plane.reload()
    await expect.poll(() => admin(life, 'readyz'), { timeout: 30_000 }).toMatch(
      new RegExp(`^\\[!\\] certificates of exapps: nc_app_${manifest.appId}: its tunnel certificate ends on .*; renew ca\\.crt or client\\.crt$`, 'm'),
    )
    expect(await admin(life, 'readyz')).toMatch(/^ready$/m)
    expect(await renewed(life)).toBe(0)
  }, TIMEOUT_MS)

  it('is left alone where there never was one, and where it is another data plane’s', async () => {
    const create = async (life: LifeStage, name: string, key: string): Promise<string> => {
      const { appId, image } = await life.manifest('no-shell', name)
      await life.appApi.calls.create(appId, {
        image_id: `${image.name}:${image.tag}`,
        network_mode: 'none',
        environment_variables: key === '' ? [] : [`HP_SHARED_KEY=${key}`],
        restart_policy: 'no',
        compute_device: 'cpu',
        mount_points: [],
      })
      return appId
    }
    const others = await setLifeStage(current(), { sharedKey: 'of another' })
    closers.push(() => others[Symbol.asyncDispose]())
    const foreign = await create(others, 'foreign', 'of another')
    await others.appApi.calls.installCertificates(foreign, null, true)
    const before = await fileOf(others, foreign, 'client.crt')

    const life = await setLifeStage(current(), { sharedKey: 'leaves alone' })
    closers.push(() => life[Symbol.asyncDispose]())
    const without = await create(life, 'without', 'leaves alone')
    const direct = await create(life, 'direct', '')
    life.proxy.clearCalls()
    await life.stage.plane.reload()
    const looks = (appId: string): string[] => life.proxy.calls.filter(({ path }) => path.startsWith(`/containers/nc_app_${appId}/`)).map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)
    await expect.poll(() => looks(without), { timeout: 30_000 }).toEqual(['GET json', 'HEAD archive'])
    await expect.poll(() => [looks(direct), looks(foreign)], { timeout: 30_000 }).toEqual([['GET json'], ['GET json']])
    expect(await fileOf(others, foreign, 'client.crt')).toBe(before)
    expect(life.proxy.changes).toEqual([])
  }, TIMEOUT_MS)
})
