import { readFile, readdir } from 'node:fs/promises'
import { sendForAnswer } from '../support/send.ts'

/** What an attack may not leave behind, as the operating system and the data plane's own metrics tell it from outside. */
export interface VitalSigns {
  readonly fileDescriptors: number
  readonly residentBytes: number
  /** FRP clients that are logged in. */
  readonly sessions: number
  readonly connectionsWithoutLogin: number
  /** Streams in use by requests, of all tunnels. */
  readonly streams: number
  /** Sockets and timers that Node knows. */
  readonly sockets: number
  readonly timers: number
}

export async function readVitalSigns({ pid, adminPort }: { readonly pid: number; readonly adminPort: number }): Promise<VitalSigns> {
  const { text } = await sendForAnswer({ port: adminPort, path: '/metrics' })
  // Each look is a connection of its own, which is among what it sees.
  const sum = (metric: string): number => {
    const lines = text.split('\n').filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`))
    return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  const resources = (type: string): number => sum(`nodejs_active_resources{type="${type}"}`)
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return {
    fileDescriptors: (await readdir(`/proc/${pid}/fd`)).length,
    residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    sessions: sum('harpoon_tunnel_sessions'),
    connectionsWithoutLogin: sum('harpoon_tunnel_unauthenticated_connections'),
    streams: sum('harpoon_tunnel_open_streams'),
    sockets: resources('TCPSocketWrap'),
    timers: resources('Timeout'),
  }
}
