import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDataPlaneProcess } from '../support/data-plane-process.ts'

/** The data plane as its own process, whose memory can be looked at. */
export interface ChildPlane {
  readonly port: number
  /** Resident memory now and at its highest, in bytes. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>
  /** Sends the stop signal and returns the exit code. */
  close(): Promise<number | null>
}

/** Starts `node proxy/main.ts` and waits until it is ready. */
export async function startChildPlane(nextcloudUrl: string): Promise<ChildPlane> {
  const certificates = await mkdtemp(join(tmpdir(), 'harpoon-child-'))
  const child = await startDataPlaneProcess({ NC_INSTANCE_URL: nextcloudUrl, HARPOON_CERTS_DIR: certificates, HP_FRP_DISABLE_TLS: 'true' })
  return {
    port: child.ports.http,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
      return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
    },
    close: async () => {
      await child.stop()
      await rm(certificates, { recursive: true, force: true })
      return (await child.exited).code
    },
  }
}
