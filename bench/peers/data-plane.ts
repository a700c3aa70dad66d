import { fileURLToPath } from 'node:url'
import { freePorts } from '../../demo/free-ports.ts'
import { sharedKey } from '../../test/support/data-plane.ts'
import { startProcess } from '../../test/support/peers/child-process.ts'
import type { ChildProcess } from '../../test/support/peers/child-process.ts'
import { onServerCore } from '../machine.ts'
import { dataPlane } from '../row.ts'
import type { Stage } from '../stage.ts'
import type { ServedContestant } from './contestant.ts'
import { startTunnelClient } from './tunnel-client.ts'

const readyTimeoutMs = 30_000

export interface DataPlaneOptions {
  /** `this data plane` unless several are compared. */
  readonly name?: string
  /** How many tunnels are there, each of an frpc of its own; the first is the one under load. */
  readonly tunnels: number
  /** HP_SESSION_LIFETIME, its default unless given. */
  readonly sessionLifetimeSeconds?: number
}

/** `node proxy/main.ts` as an admin starts it, with its defaults. */
export async function startDataPlane(stage: Stage, { name = dataPlane, tunnels, sessionLifetimeSeconds = 3 }: DataPlaneOptions): Promise<ServedContestant> {
  await using parts = new AsyncDisposableStack()
  const [http, https, frp, admin] = await freePorts(4)
  const env = {
    HP_SHARED_KEY: sharedKey,
    NC_INSTANCE_URL: stage.nextcloud.url,
    HP_EXAPPS_ADDRESS: `127.0.0.1:${http}`,
    HP_EXAPPS_HTTPS_ADDRESS: `127.0.0.1:${https}`,
    HP_FRP_ADDRESS: `127.0.0.1:${frp}`,
    HP_SESSION_LIFETIME: String(sessionLifetimeSeconds),
    HARPOON_ADMIN_ADDRESS: `127.0.0.1:${admin}`,
    HARPOON_CERTS_DIR: stage.certificates,
    HARPOON_DOCKER_SOCKET: `${stage.folder}/no-docker.sock`,
  }
  const program = fileURLToPath(new URL('../../proxy/main.ts', import.meta.url))
  const start = async (keeper: AsyncDisposableStack): Promise<ChildProcess> => {
    const child = keeper.use(await startProcess({ ...onServerCore(process.execPath, [program]), env }))
    await child.waitForOutput(/"Harpoon is ready"/, readyTimeoutMs)
    return child
  }
  let server = await start(parts)
  for (let index = 0; index < tunnels; index++) parts.use(await startTunnelClient(stage, frp, index))
  const started = parts.move()
  return {
    name,
    url: `http://127.0.0.1:${http}`,
    frpPort: frp,
    pids: () => [server.pid],
    restart: async () => {
      server.kill('SIGKILL')
      await server.exited
      server = await start(started)
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}
