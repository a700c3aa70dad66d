import { readFile, readdir, readlink } from 'node:fs/promises'
import type { DataPlaneProcess } from '../support/data-plane-process.ts'
import { sendForAnswer } from '../support/send.ts'

/** What a data plane holds for its peers: sockets by the kernel's count, the rest by its own. */
export interface Usage {
  readonly sockets: number
  readonly tunnels: number
  readonly tunnelSessions: number
  readonly tunnelStreams: number
  readonly unauthenticatedConnections: number
  readonly upgradedConnections: number
}

/** For `expect.poll`: a kept connection to an ExApp is closed after 4 s, and a busy machine takes its time. */
export const settling = { timeout: 15_000, interval: 250 }

export async function usageOf(plane: DataPlaneProcess): Promise<Usage> {
  const { text } = await sendForAnswer({ port: plane.ports.admin, path: '/metrics', headers: { connection: 'close' } })
  const sum = (name: string): number => [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce((total, [, value]) => total + Number(value), 0)
  return {
    sockets: await countSockets(plane.pid),
    tunnels: sum('harpoon_tunnels_connected'),
    tunnelSessions: sum('harpoon_tunnel_sessions'),
    tunnelStreams: sum('harpoon_tunnel_open_streams'),
    unauthenticatedConnections: sum('harpoon_tunnel_unauthenticated_connections'),
    upgradedConnections: sum('harpoon_upgraded_connections'),
  }
}

/** What is not as it was before. Fewer sockets are no fault: a kept connection to Nextcloud is closed when it has been idle. */
export async function leftBehind(plane: DataPlaneProcess, before: Usage): Promise<Partial<Usage>> {
  const { sockets, ...now } = await usageOf(plane)
  const changed = Object.entries(now).filter(([name, value]) => value !== before[name as keyof Usage])
  return { ...Object.fromEntries(changed), ...(sockets > before.sockets ? { sockets } : {}) }
}

/** Resident memory now and at its highest, in bytes. */
export async function memoryOf({ pid }: DataPlaneProcess): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
}

async function countSockets(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const links = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => ''))) // closed meanwhile
  return links.filter((link) => link.startsWith('socket:')).length
}
