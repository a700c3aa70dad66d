import { mkdtemp } from 'node:fs/promises'
import path from 'node:path'
import { startFrpc } from '../../test/support/frpc.ts'
import { harpClientConfig } from '../../test/support/harp-client.ts'
import { sharedKey } from '../../test/support/data-plane.ts'
import type { ChildProcess } from '../../test/support/peers/child-process.ts'
import type { Stage } from '../stage.ts'
import { appIdAt, frpcVersion, portAt } from '../stage.ts'

/** Many at once, on one core that others use too. */
const connectTimeoutMs = 60_000

/** Starts an frpc as an ExApp's start script does (HaRP contract §5.4), for the ExApp at that place; resolves when its tunnel is there. */
export async function startTunnelClient({ folder, certificates, exAppSocket }: Stage, frpPort: number, index: number): Promise<ChildProcess> {
  const config = harpClientConfig({
    frpPort,
    sharedKey,
    certificates: path.join(certificates, 'frp'),
    appId: appIdAt(index),
    remotePort: portAt(index),
    unixSocket: exAppSocket,
  })
  const dir = await mkdtemp(path.join(folder, 'frpc-'))
  const frpc = await startFrpc({ version: frpcVersion, config, dir })
  try {
    await frpc.waitForOutput(/start proxy success/, connectTimeoutMs)
  } catch (error) {
    await frpc.stop()
    throw error
  }
  return frpc
}
