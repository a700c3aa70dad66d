import type { Environment } from '../../proxy/config.ts'
import { type LowerLimits, type TestDataPlane, sharedKey, startTestDataPlane } from '../support/data-plane.ts'
import { type ExAppStandIn, startExApp } from '../support/exapp.ts'
import { type NextcloudStandIn, startNextcloud } from '../support/nextcloud.ts'
import type { RegisteredExApp } from '../support/nextcloud/exapp-table.ts'

/** A data plane between a Nextcloud and one ExApp on TCP: what most request tests need. */
export interface Stage {
  readonly nextcloud: NextcloudStandIn
  readonly exApp: ExAppStandIn
  readonly plane: TestDataPlane
  /** The data plane's HTTP port. */
  readonly port: number
  close(): Promise<void>
}

/** The app of HaRP contract §9: its routes, its token, its version. `/status/` stands for `/bp`. */
export const demoApp = (port: number): RegisteredExApp => ({
  appId: 'demo',
  port,
  exapp_token: 'tok',
  exapp_version: '1.2.3',
  routes: [
    { url: '^/public$', access_level: 0 },
    { url: 'user', access_level: 1 },
    { url: '/user', access_level: 1 },
    { url: '/admin', access_level: 2 },
    { url: '/status', access_level: 0, bruteforce_protection: [401, 404] },
    { url: '/p/', access_level: 0 },
    { url: '([', access_level: 0 },
    { url: '^$', access_level: 0 },
    { url: '/$', access_level: 0 },
    { url: '.*', access_level: 0 },
  ],
})

/** Cookies of the two users, valid on every stage. */
export const userCookie = 'oc_sessionPassphrase=session-of-usr'
export const adminCookie = 'oc_sessionPassphrase=session-of-adm'

export async function setStage(environment: Environment = {}, lower: LowerLimits = {}): Promise<Stage> {
  const nextcloud = await startNextcloud({ sharedKey })
  const exApp = await startExApp({ listen: { port: 0 } })
  nextcloud.addUser({ id: 'usr', password: 'usr' })
  nextcloud.addUser({ id: 'adm', password: 'adm', admin: true })
  nextcloud.setSession('session-of-usr', 'usr')
  nextcloud.setSession('session-of-adm', 'adm')
  nextcloud.addExApp(demoApp(exApp.port ?? 0))
  const plane = await startTestDataPlane(nextcloud.url, environment, lower)
  return {
    nextcloud,
    exApp,
    plane,
    port: plane.ports.http,
    close: async () => {
      await plane.close()
      await exApp.close()
      await nextcloud.close()
    },
  }
}

/** The six headers of AppAPI's own requests (HaRP contract §3.2 row 6). */
export const directHeaders = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  'aa-version': '35.0.0',
  'ex-app-version': '9.9.9',
  'ex-app-id': 'demo',
  'ex-app-host': '127.0.0.1',
  'ex-app-port': '23000',
  'authorization-app-api': Buffer.from(':tok').toString('base64'),
  'harp-shared-key': sharedKey,
  ...more,
})

let lastClient = 1

/** A loopback address that no other request came from, so that bans do not meet. */
export function freshClient(): string {
  lastClient += 1
  return `127.${(lastClient >> 16) & 255}.${(lastClient >> 8) & 255}.${lastClient & 255}`
}
