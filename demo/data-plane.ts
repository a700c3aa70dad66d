import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Reaper } from '../test/support/peers/reaper.ts'
import type { Narrator } from './narrator.ts'

/** What the data plane needs to know. */
export interface DataPlaneOptions {
  /** A folder that only this demo uses. */
  readonly folder: string
  readonly sharedKey: string
  readonly nextcloudUrl: string
  /** Of the Docker Engine; nothing has to be there. */
  readonly dockerSocket: string
  readonly ports: Readonly<Record<'http' | 'https' | 'frp' | 'admin', number>>
  readonly narrator: Narrator
}

/** The data plane as a process of its own, as `npm start` runs it. */
export interface DataPlane {
  /** Where the FRP certificates are. */
  readonly certificates: string
  /** Settles when the process has ended, whoever ended it. */
  readonly exited: Promise<void>
  close(): Promise<void>
}

// A first start makes three RSA keys; a slow, busy machine took 10 s for it.
const startTimeoutMs = 60_000
const pollMs = 50
const stopTimeoutMs = 15_000

/** Starts the data plane and waits until it says that it is alive. @throws Error when it ends or says nothing */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const { folder, ports, narrator } = options
  const program = fileURLToPath(new URL('../proxy/main.ts', import.meta.url))
  const child = spawn(process.execPath, [program], {
    env: { ...environmentOf(options), PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C in the terminal would be its first signal,
    // and ours the second, which ends it at once.
    detached: true,
  })
  const reaper = new Reaper()
  if (child.pid !== undefined) reaper.watch(child.pid)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => narrator.log(line))
  }
  const exited = once(child, 'close').then(() => {
    if (child.pid !== undefined) reaper.release(child.pid)
  })

  const close = async (): Promise<void> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    child.kill('SIGTERM')
    await exited
    clearTimeout(timer)
  }
  try {
    await untilAlive(`http://127.0.0.1:${ports.admin}/livez`, () => child.exitCode !== null || child.signalCode !== null)
  } catch (error) {
    await close()
    throw error
  }
  return { certificates: join(folder, 'certs', 'frp'), exited, close }
}

function environmentOf({ folder, sharedKey, nextcloudUrl, dockerSocket, ports }: DataPlaneOptions): Record<string, string> {
  return {
    HP_SHARED_KEY: sharedKey,
    NC_INSTANCE_URL: nextcloudUrl,
    HP_EXAPPS_ADDRESS: `127.0.0.1:${ports.http}`,
    HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${ports.https}`,
    HP_FRP_ADDRESS: `127.0.0.1:${ports.frp}`,
    HP_LOG_LEVEL: 'info',
    HARPOON_ADMIN_ADDRESS: `127.0.0.1:${ports.admin}`,
    HARPOON_CERTS_DIR: join(folder, 'certs'),
    HARPOON_DOCKER_SOCKET: dockerSocket,
    HARPOON_FRONT: 'true',
  }
}

async function untilAlive(url: string, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    if (hasEnded()) throw new Error('the data plane ended at its start; its log says why')
    const answer = await fetch(url).catch(() => undefined) // Refused until it listens.
    await answer?.body?.cancel()
    if (answer?.ok) return
    await wait(pollMs)
  }
  throw new Error(`the data plane did not answer ${url} within ${startTimeoutMs} ms`)
}
