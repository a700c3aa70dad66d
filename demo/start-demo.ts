import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNextcloud } from '../test/support/nextcloud.ts'
import { startDataPlane } from './data-plane.ts'
import { startDemoExApp } from './demo-exapp.ts'
import type { ExAppAdmin } from './exapp.ts'
import { findEngine } from './find-engine.ts'
import { freePorts } from './free-ports.ts'
import type { Narrator } from './narrator.ts'

/** The id under which Nextcloud knows the demo's ExApp. */
export const appId = 'harpoon-demo'

/** Everything that runs. */
export interface Demo {
  /** The one URL: `/exapps/` is the data plane's own, the rest goes to Nextcloud. */
  readonly url: string
  readonly adminUrl: string
  /** How requests reach the ExApp, for people. */
  readonly wayToExApp: string
  /** What an administrator can do with the ExApp; a text says why not. */
  readonly admin: ExAppAdmin | string
  /** Settles when a part ended by itself. */
  readonly failed: Promise<void>
  close(): Promise<void>
}

/** Starts Nextcloud, the data plane, the ExApp and its tunnel; when one of them fails, those before it are stopped. */
export async function startDemo({ port, narrator }: { port: number | undefined; narrator: Narrator }): Promise<Demo> {
  const cleanUps: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
  }
  try {
    const folder = await mkdtemp(join(tmpdir(), 'harpoon-demo-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true }))
    const sharedKey = randomBytes(24).toString('hex')

    const nextcloud = await startNextcloud({ sharedKey })
    cleanUps.push(() => nextcloud.close())
    narrator.say(`Stand-in Nextcloud: ${nextcloud.url}`)

    const engine = await findEngine()
    if (typeof engine !== 'string') cleanUps.push(() => engine.close())
    const dockerSocket = typeof engine === 'string' ? join(folder, 'no-docker.sock') : engine.engine.socketPath

    const [http, https, frp, admin] = await freePorts(4)
    const ports = { http: port ?? http, https, frp, admin }
    const dataPlane = await startDataPlane({ folder, sharedKey, nextcloudUrl: nextcloud.url, dockerSocket, ports, narrator })
    cleanUps.push(() => dataPlane.close())
    narrator.say(`Data plane: http://127.0.0.1:${ports.http}, tunnels on port ${frp}`)

    const exapp = await startDemoExApp({ appId, folder, sharedKey, httpPort: ports.http, frpPort: frp, nextcloud, dataPlane, narrator }, engine)
    cleanUps.push(() => exapp.close())
    narrator.say(`ExApp: ${exapp.way}`)
    return {
      url: `http://127.0.0.1:${ports.http}`,
      adminUrl: `http://127.0.0.1:${admin}`,
      wayToExApp: exapp.way,
      admin: exapp.admin,
      failed: Promise.race([dataPlane.exited, exapp.failed]),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
