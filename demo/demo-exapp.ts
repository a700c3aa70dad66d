import { join } from 'node:path'
import { startExApp } from '../test/support/exapp.ts'
import type { NextcloudStandIn } from '../test/support/nextcloud.ts'
import type { ExAppRoute } from '../test/support/nextcloud/exapp-table.ts'
import { startFrpc } from '../test/support/frpc.ts'
import { harpClientConfig } from '../test/support/harp-client.ts'
import { MissingPeer } from '../test/support/peers/missing.ts'
import type { ChildProcess } from '../test/support/peers/child-process.ts'
import type { DataPlane } from './data-plane.ts'
import type { Narrator } from './narrator.ts'

/** What the ExApp needs of the others. */
export interface DemoExAppOptions {
  readonly appId: string
  readonly folder: string
  readonly sharedKey: string
  readonly frpPort: number
  readonly nextcloud: NextcloudStandIn
  readonly dataPlane: DataPlane
  readonly narrator: Narrator
}

/** The running ExApp, registered in Nextcloud. */
export interface DemoExApp {
  /** How requests reach it, for people. */
  readonly way: string
  /** Settles when its tunnel client has ended; never without a tunnel. */
  readonly failed: Promise<void>
  close(): Promise<void>
}

const frpcVersion = '0.71.0'
// AppAPI gives ExApps of a HaRP daemon ports from 23000 on.
const remotePort = 23_000
const tunnelTimeoutMs = 20_000

const routes: readonly ExAppRoute[] = [
  { url: '^/public$', access_level: 0 },
  { url: '^/page$', access_level: 1 },
  { url: '^/counter-ws$', access_level: 1 },
  { url: '^/whoami$', access_level: 1 },
  { url: '^/admin$', access_level: 2 },
]

/** Starts the ExApp behind a real frpc; without Go to build frpc with, as an ExApp that is reached directly. */
export async function startDemoExApp(options: DemoExAppOptions): Promise<DemoExApp> {
  const { appId, folder, nextcloud, narrator } = options
  const unixSocket = join(folder, 'exapp.sock')
  // Nextcloud has to know the app first: a tunnel for an unknown one is refused.
  nextcloud.addExApp({ appId, host: '127.0.0.1', port: remotePort, routes, page: 'page' })
  const frpc = await startTunnel(options, unixSocket).catch((error: unknown) => {
    if (!(error instanceof MissingPeer)) throw error
    narrator.say(`No tunnel in this run: ${error.message}. The ExApp is reached directly instead.`)
    return undefined
  })
  const exapp = await startExApp({ listen: frpc ? { unixSocket } : { port: 0 } })
  if (exapp.port !== undefined) nextcloud.addExApp({ appId, host: '127.0.0.1', port: exapp.port, routes, page: 'page' })
  return {
    way: frpc
      ? `unix socket ← frpc ${frpcVersion} ← tunnel for port ${remotePort} ← data plane`
      : `TCP port ${exapp.port} ← data plane (no tunnel)`,
    failed: frpc ? frpc.exited.then(() => undefined) : new Promise(() => {}),
    close: async () => {
      await frpc?.stop()
      await exapp.close()
    },
  }
}

/** Dials in as an ExApp's start script does (HaRP contract §5.4). */
async function startTunnel(options: DemoExAppOptions, unixSocket: string): Promise<ChildProcess> {
  const { appId, folder, sharedKey, frpPort, dataPlane } = options
  const config = harpClientConfig({ frpPort, sharedKey, certificates: dataPlane.certificates, appId, remotePort, unixSocket })
  const frpc = await startFrpc({ version: frpcVersion, config, dir: folder })
  try {
    await frpc.waitForOutput(/start proxy success/, tunnelTimeoutMs)
  } catch (error) {
    await frpc.stop()
    throw error
  }
  return frpc
}
