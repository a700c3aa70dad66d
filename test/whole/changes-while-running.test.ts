import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectRaw } from '../request/raw-client.ts'
import { type Stage, demoApp, directHeaders, freshClient, setStage } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { send, sendForAnswer, statusOf } from '../support/send.ts'

let folder: string
let stage: Stage
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harpoon-change-'))
})
afterEach(async () => {
  await stage.close()
  await rm(folder, { recursive: true, force: true })
})

/** Replaces a file as an editor or a Kubernetes mount does: whole, under the same name. */
async function replace(name: string, content: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), content)
  await rename(join(folder, `${name}.new`), join(folder, name))
}

const withKey = (key: string) => statusOf({ port: stage.port, path: '/exapps/app_api/info', headers: { 'harp-shared-key': key }, from: freshClient() })

async function stageWithKeyFiles(): Promise<void> {
  await replace('key', `${sharedKey}\n`)
  await replace('previous', sharedKey)
  stage = await setStage({ HP_SHARED_KEY: '', HP_SHARED_KEY_FILE: join(folder, 'key'), HARPOON_PREVIOUS_SHARED_KEY_FILE: join(folder, 'previous') })
}

describe('the shared key', () => {
  it('is changed by changing its file; the previous one is valid as long as its file says so', async () => {
    await stageWithKeyFiles()
    await replace('key', 'a new key')
    await expect.poll(() => withKey('a new key'), { timeout: 10_000 }).toBe(200)
    expect(await withKey(sharedKey)).toBe(200)
    await replace('previous', 'a new key')
    await expect.poll(() => withKey(sharedKey), { timeout: 10_000 }).toBe(401)
    expect(await withKey('a new key')).toBe(200)
  })

  it('may change in Nextcloud earlier or later than here: the one that Nextcloud takes is used', async () => {
    await stageWithKeyFiles()
    await replace('key', 'a new key')
    await expect.poll(() => withKey('a new key'), { timeout: 10_000 }).toBe(200)
    expect(await statusOf({ port: stage.port, path: '/exapps/demo/public' })).toBe(200) // Nextcloud still has the old one
    stage.nextcloud.setSharedKey('a new key')
    stage.nextcloud.addExApp({ ...demoApp(stage.exApp.port ?? 0), appId: 'other' })
    expect(await statusOf({ port: stage.port, path: '/exapps/other/public' })).toBe(200)
  })

  it('stays when its file is broken, which is reported without a word of the content', async () => {
    await stageWithKeyFiles()
    await replace('key', 'geheim\u00e9')
    await expect.poll(() => stage.plane.logText(), { timeout: 10_000 }).toContain('settings cannot be used, the old ones stay')
    expect(await withKey(sharedKey)).toBe(200)
    expect((await sendForAnswer({ port: stage.plane.ports.admin, path: '/readyz' })).text).toMatch(/\[!\] settings: .*HP_SHARED_KEY_FILE/)
    expect(stage.plane.logText()).not.toContain('geheim')
    await replace('key', sharedKey)
    await expect.poll(async () => (await sendForAnswer({ port: stage.plane.ports.admin, path: '/readyz' })).text, { timeout: 10_000 }).toContain('[+] settings')
  })
})

describe('limits in the settings file', () => {
  it('are followed without a restart, and what needs one is said', async () => {
    await replace('config.yaml', 'HP_BLACKLIST_COUNT: 1000\n')
    stage = await setStage({ HARPOON_CONFIG: join(folder, 'config.yaml') })
    const fail = () => send({ port: stage.port, path: '/exapps/unknown/x', from: '127.0.1.2' })
    await fail()
    expect(await fail()).toMatchObject({ status: 404 })
    await replace('config.yaml', 'HP_BLACKLIST_COUNT: 1\nHP_TRUSTED_PROXY_IPS: 127.0.1.3\nHP_LOG_LEVEL: debug\nHARPOON_FRONT: true\n')
    await expect.poll(fail, { timeout: 10_000 }).toBe('dropped')
    await send({ port: stage.port, path: '/exapps/unknown/x', from: '127.0.1.3', headers: { 'x-forwarded-for': '9.9.9.9' } })
    expect(stage.plane.log.at(-1)).toMatchObject({ client: '9.9.9.9' })
    expect(stage.plane.log.find(({ msg }) => msg === 'these settings take effect after a restart')).toMatchObject({ settings: ['front'] })
  })
})

describe('the limit of connections', () => {
  it('is raised and lowered without closing one', async () => {
    await replace('config.yaml', 'HARPOON_MAX_CONNECTIONS: 16\n')
    stage = await setStage({ HARPOON_CONFIG: join(folder, 'config.yaml') })
    const open = await Promise.all(Array.from({ length: 8 }, () => connectRaw(stage.port, '127.0.1.4')))
    const ask = () => statusOf({ port: stage.port, path: '/exapps/demo/public', from: '127.0.1.4' })
    expect(await ask()).toBe(503)
    await replace('config.yaml', 'HARPOON_MAX_CONNECTIONS: 20\n')
    await expect.poll(ask, { timeout: 10_000 }).toBe(200)
    await replace('config.yaml', 'HARPOON_MAX_CONNECTIONS: 16\n')
    await expect.poll(ask, { timeout: 10_000 }).toBe(503)
    expect(open.filter(({ socket }) => socket.readyState !== 'open')).toEqual([])
    for (const { socket } of open) socket.destroy()
  })
})

describeWithPeer('tunnels', { name: 'frpc 0.61.1', ensure: () => ensureFrp('0.61.1') }, () => {
  it('live on when the shared key changes, and a client with the previous key may still come', async () => {
    await stageWithKeyFiles()
    stage.nextcloud.addExApp({ appId: 'tunnelled', port: 23_000, routes: [{ url: '.*', access_level: 0 }] })
    const config = (name: string, port: number) => `
serverAddr = "127.0.0.1"
serverPort = ${stage.plane.ports.frp}
transport.tls.enable = false
metadatas.token = "${sharedKey}"
[[proxies]]
name = "${name}"
type = "tcp"
localPort = ${stage.exApp.port}
remotePort = ${port}
`
    await using client = await startFrpc({ version: '0.61.1', config: config('tunnelled', 23_000) })
    await client.waitForOutput(/start proxy success/)
    await replace('key', 'a new key')
    await expect.poll(() => withKey('a new key'), { timeout: 10_000 }).toBe(200)
    expect(await statusOf({ port: stage.port, path: '/exapps/tunnelled/heartbeat', headers: directHeaders() })).toBe(200)
    await using late = await startFrpc({ version: '0.61.1', config: config('late', 23_001) })
    await late.waitForOutput(/start proxy success/)
    expect(client.output()).not.toMatch(/reconnect|session shutdown/)
  })
})
