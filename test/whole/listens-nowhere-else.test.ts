import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { startDataPlaneProcess } from '../support/data-plane-process.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import { startNextcloud } from '../support/nextcloud.ts'
import { ensureFrp } from '../support/peers/frp.ts'

describeWithPeer('the data plane', { name: 'frpc 0.61.1', ensure: () => ensureFrp('0.61.1') }, () => {
  it('Q2: listens on its published ports only, with an ExApp and an engine connected as well', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-listens-'))
    const nextcloud = await startNextcloud({ sharedKey })
    const plane = await startDataPlaneProcess({ NC_INSTANCE_URL: nextcloud.url, HARPOON_CERTS_DIR: folder })
    const clients = await Promise.all(
      ([['demo', 23_000], ['deploy-daemon-1', 24_001]] as const).map(([appId, remotePort]) =>
        startFrpc({ version: '0.61.1', config: harpClientConfig({ frpPort: plane.ports.frp, sharedKey, certificates: path.join(folder, 'frp'), appId, remotePort, unixSocket: '/none' }) }),
      ),
    )
    try {
      for (const client of clients) await client.waitForOutput(/start proxy success/)
      const { http, frp, admin } = plane.ports
      expect(await listeningPorts(plane.pid)).toEqual([http, frp, admin].toSorted((one, other) => one - other))
    } finally {
      for (const client of clients) await client.stop()
      await plane.stop()
      await nextcloud.close()
      await rm(folder, { recursive: true, force: true })
    }
  }, 60_000)
})

/** The TCP ports that a process listens on, in order. */
async function listeningPorts(pid: number): Promise<number[]> {
  const files = await readdir(`/proc/${pid}/fd`)
  const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => ''))) // closed meanwhile
  const own = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => ''))) // no IPv6
  const ports = tables.flatMap((table) => table.split('\n')).flatMap((line) => {
    const [, , local = '', , state, , , , , , inode = ''] = line.split(/\s+/)
    return state === listening && own.has(inode) ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : []
  })
  return ports.toSorted((one, other) => one - other)
}

/** As the kernel writes the state LISTEN. */
const listening = '0A'
