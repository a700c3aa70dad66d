import { join } from 'node:path'
import { startExApp } from '../test/support/exapp.ts'
import { startFrpc } from '../test/support/frpc.ts'
import { harpClientConfig } from '../test/support/harp-client.ts'
import type { ChildProcess } from '../test/support/peers/child-process.ts'
import { MissingPeer } from '../test/support/peers/missing.ts'
import { type DemoExApp, type DemoExAppOptions, frpcVersion, routes } from './exapp.ts'

// AppAPI gives ExApps of a HaRP daemon ports from 23000 on.
const remotePort = 23_000
const tunnelTimeoutMs = 20_000

/** Starts the ExApp here behind a real frpc; without Go to build frpc with, as one that is reached directly. */
export async function startBareExApp(options: DemoExAppOptions, whyNoContainer: string): Promise<DemoExApp> {
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
    admin: whyNoContainer,
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
