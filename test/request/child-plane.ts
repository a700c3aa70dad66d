import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sharedKey } from '../support/data-plane.ts'

/** The data plane as its own process, started as a user starts it. */
export interface ChildPlane {
  readonly port: number
  /** Resident memory now and at its highest, in bytes. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>
  /** Sends the stop signal and returns the exit code. */
  close(): Promise<number | null>
}

/** Starts `node proxy/main.ts` with HaRP's variables and waits until it is ready. */
export async function startChildPlane(nextcloudUrl: string): Promise<ChildPlane> {
  const certificates = await mkdtemp(join(tmpdir(), 'harpoon-child-'))
  const child = spawn(process.execPath, [new URL('../../proxy/main.ts', import.meta.url).pathname], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      HP_SHARED_KEY: sharedKey,
      NC_INSTANCE_URL: nextcloudUrl,
      HP_EXAPPS_ADDRESS: '127.0.0.1:0',
      HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
      HP_FRP_ADDRESS: '127.0.0.1:0',
      HP_FRP_DISABLE_TLS: 'true',
      HARPOON_ADMIN_ADDRESS: '127.0.0.1:0',
      HARPOON_CERTS_DIR: certificates,
      HARPOON_DOCKER_SOCKET: join(certificates, 'no-docker.sock'),
    },
  })
  const exited = once(child, 'exit')
  let port = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const { ports } = JSON.parse(line) as { ports?: { http: number } }
    if (ports) port = ports.http
    if (ports) break
  }
  if (port === 0) throw new Error('the data plane ended before it was ready')
  child.stdout.resume()
  return {
    port,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
      return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
    },
    close: async () => {
      child.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      await rm(certificates, { recursive: true, force: true })
      return code
    },
  }
}
