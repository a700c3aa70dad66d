import { randomBytes } from 'node:crypto'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { engineToken } from '../../proxy/tunnel/tokens.ts'
import { EngineStage } from '../docker/engine-stage.ts'
import { startStandInEngine } from '../docker/stand-in-engine.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import { ensureFrp, frpVersions } from '../support/peers/frp.ts'
import { sendForAnswer } from '../support/send.ts'
import { hashOf, hashStream } from '../tunnel/hashes.ts'

/** Files are looked at each second and read when they have settled; the rest is for a busy machine. */
const seconds = 10_000

const half = 16 * 1024 * 1024

/** How often frpc has printed this. */
const countOf = (frpc: ChildProcess, text: string): number => frpc.output().split(text).length - 1

for (const version of frpVersions) {
  describeWithPeer('the list of engines', { name: `frpc ${version}`, ensure: () => ensureFrp(version) }, ({ prepare, finish }) => {
    let folder: string
    let stage: EngineStage
    const pending: ServerResponse[] = []

    /** Replaces the settings file as an editor or a Kubernetes mount does: whole, under the same name. */
    const setEngines = async (yaml: string): Promise<void> => {
      await writeFile(path.join(folder, 'new.yaml'), yaml)
      await rename(path.join(folder, 'new.yaml'), path.join(folder, 'config.yaml'))
    }
    const admin = async (url: string): Promise<string> => (await sendForAnswer({ port: stage.plane.ports.admin, path: url })).text
    const untilReadyzSays = (text: string): Promise<void> => expect.poll(() => admin('/readyz'), { timeout: seconds }).toContain(text)
    const start = (remotePort: number, token?: string): Promise<ChildProcess> =>
      stage.startEngine({ version, remotePort, socketPath: stage.socket('docker.sock'), ...(token === undefined ? {} : { token }) })

    prepare(async () => {
      folder = await mkdtemp(path.join(tmpdir(), 'harpoon-list-'))
      await setEngines('HARPOON_ENGINES: [{name: deploy-daemon-24001, port: 24001}, {name: deploy-daemon-24002, port: 24002, generation: first}]')
      stage = await EngineStage.set({ environment: { HARPOON_CONFIG: path.join(folder, 'config.yaml'), HP_TIMEOUT_CONNECT: '20s' } })
      const engine = await startStandInEngine(stage.socket('docker.sock'), {
        answer: (incoming, reply) => void (incoming.method === 'POST' ? pending.push(reply) : reply.end('OK')),
      })
      stage.alsoClose(() => engine.close())
    })
    finish(async () => {
      await stage[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    })

    it('changes while running: who is struck off is disconnected, who is added comes at once, and all others go on', async () => {
      const first = await start(24_001)
      const second = await start(24_002, engineToken(sharedKey, 'deploy-daemon-24002', 24_002, 'first'))
      const third = await start(24_003)
      await Promise.all([first, second].map((frpc) => frpc.waitForOutput(/start proxy success/)))
      await third.waitForOutput(/start error: the list of engines of this server has no \[deploy-daemon-24003\]/)
      await untilReadyzSays('[+] engines')
      expect(await stage.ping('24003')).toMatchObject({ status: 503, text: 'no Docker Engine on 24003 is in the list of engines (HARPOON_ENGINES): it has 24001, 24002' })

      const bytes = randomBytes(2 * half)
      const download = stage.open({ method: 'POST', path: '/v1.44/images/create?fromImage=a', engine: '24002' })
      await expect.poll(() => pending.length).toBe(1)
      pending[0]?.write(bytes.subarray(0, half))
      const received = hashStream(await download)

      await setEngines('HARPOON_ENGINES: [{name: deploy-daemon-24002, port: 24002, generation: first}, {name: deploy-daemon-24003, port: 24003}]')
      await first.waitForOutput(/start error: the list of engines of this server has no \[deploy-daemon-24001\]/, seconds)
      await third.waitForOutput(/start proxy success/, seconds)
      const struck = await stage.ping('24001')
      expect(struck).toMatchObject({ status: 503, text: 'no Docker Engine on 24001 is in the list of engines (HARPOON_ENGINES): it has 24002, 24003' })
      expect(struck.ms).toBeLessThan(seconds)
      expect(await stage.ping('24003')).toMatchObject({ status: 200, text: 'OK' })

      pending[0]?.end(bytes.subarray(half))
      expect(await received).toBe(hashOf(bytes))
      expect([countOf(second, 'try to connect'), countOf(second, 'login to server success')]).toEqual([1, 1])
    }, 60_000)

    it('shows who is not connected, to operators and in metrics', async () => {
      await setEngines('HARPOON_ENGINES: [{name: deploy-daemon-24002, port: 24002, generation: first}, {name: gpu, port: 24009}]')
      await untilReadyzSays('[!] engines: not connected: gpu (24009)\n')
      expect(await admin('/readyz')).toMatch(/\nready\n$/)
      const lines = (await admin('/metrics')).split('\n').filter((line) => line.startsWith('harpoon_engine_connected'))
      expect(lines).toEqual(['harpoon_engine_connected{engine="deploy-daemon-24002",port="24002"} 1', 'harpoon_engine_connected{engine="gpu",port="24009"} 0'])
    })

    it('stays as it was when the file is broken, which is said', async () => {
      await setEngines('HARPOON_ENGINES: [{name: gpu, port: 1}, {name: gpu, port: 24001}]')
      await untilReadyzSays('[!] settings: the changed settings cannot be used, the old ones stay: HARPOON_ENGINES: entry 1 (name: gpu, port: 1) has no port from 24000 to 24099')
      expect(await admin('/readyz')).toContain('HARPOON_ENGINES: entry 2 (name: gpu, port: 24001) repeats a name')
      expect(await stage.ping('24002')).toMatchObject({ status: 200 })
      expect((await stage.ping('24001')).text).toContain('is in the list of engines (HARPOON_ENGINES): it has 24002, 24009')
    })

    it('revokes the tokens of an engine with another generation, and takes the new ones', async () => {
      await setEngines('HARPOON_ENGINES: [{name: deploy-daemon-24005, port: 24005, generation: one}]')
      const old = await start(24_005, engineToken(sharedKey, 'deploy-daemon-24005', 24_005, 'one'))
      await old.waitForOutput(/start proxy success/, seconds)
      await setEngines('HARPOON_ENGINES: [{name: deploy-daemon-24005, port: 24005, generation: two}]')
      await old.waitForOutput(/this token of Docker Engine \[deploy-daemon-24005\] has been revoked/, seconds)
      expect(await admin('/metrics')).toContain('harpoon_engine_connected{engine="deploy-daemon-24005",port="24005"} 0')
      const next = await start(24_005, engineToken(sharedKey, 'deploy-daemon-24005', 24_005, 'two'))
      await next.waitForOutput(/start proxy success/, seconds)
      expect(await stage.ping('24005')).toMatchObject({ status: 200 })
      expect(await admin('/metrics')).toMatch(/harpoon_tunnel_logins_total{outcome="engine"} [1-9]/)
      expect(await admin('/metrics')).toContain('harpoon_banned_tunnel_clients 0')
    }, 40_000)

    it('may be empty, when no engine dials in, and may go, when every engine may', async () => {
      await setEngines('HARPOON_ENGINES: []')
      const empty = 'no Docker Engine on 24020 is in the list of engines (HARPOON_ENGINES): it is empty'
      await expect.poll(async () => (await stage.ping('24020')).text, { timeout: seconds }).toBe(empty)
      const frpc = await start(24_020)
      await frpc.waitForOutput(/start error: the list of engines of this server has no \[deploy-daemon-24020\]/)
      await setEngines('# no list')
      await frpc.waitForOutput(/start proxy success/, seconds)
      expect(await stage.ping('24020')).toMatchObject({ status: 200 })
    }, 40_000)
  })
}
