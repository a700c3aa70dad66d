import { fileURLToPath } from 'node:url'
import type { Environment } from '../../proxy/config.ts'
import { sharedKey } from './data-plane.ts'
import { type ChildProcess, startProcess } from './peers/child-process.ts'

/** The data plane as `npm start` runs it, a process of its own. */
export interface DataPlaneProcess extends ChildProcess {
  readonly ports: { readonly http: number; readonly https?: number; readonly frp: number; readonly admin: number }
}

/** A first start makes three RSA keys, on a machine that does other things too. */
const readyTimeoutMs = 60_000

/** Starts `proxy/main.ts` with these variables and nothing else of this environment; resolves when it is ready. */
export async function startDataPlaneProcess(env: Environment, nodeOptions: readonly string[] = []): Promise<DataPlaneProcess> {
  const child = await startDataPlaneProgram({
    HP_SHARED_KEY: sharedKey,
    HP_EXAPPS_ADDRESS: '127.0.0.1:0',
    HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
    HP_FRP_ADDRESS: '127.0.0.1:0',
    HARPOON_ADMIN_ADDRESS: '127.0.0.1:0',
    HARPOON_DOCKER_SOCKET: '/nonexistent/docker.sock',
    ...env,
  }, nodeOptions)
  try {
    const line = await child.waitForOutput(/^.*"Harpoon is ready".*$/m, readyTimeoutMs)
    return { ...child, ports: (JSON.parse(line) as { ports: DataPlaneProcess['ports'] }).ports }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** Starts the program without waiting for anything: for starts that are meant to fail. */
export function startDataPlaneProgram(env: Environment, nodeOptions: readonly string[] = []): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))
  return startProcess({ program: process.execPath, args: [...nodeOptions, program], env })
}
