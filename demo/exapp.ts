import type { FrpVersion } from '../test/support/peers/frp.ts'
import type { NextcloudStandIn } from '../test/support/nextcloud.ts'
import type { ExAppRoute } from '../test/support/nextcloud/exapp-table.ts'
import type { DataPlane } from './data-plane.ts'
import type { Narrator } from './narrator.ts'

/** What the ExApp needs of the others. */
export interface DemoExAppOptions {
  readonly appId: string
  readonly folder: string
  readonly sharedKey: string
  readonly httpPort: number
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
  /** What an administrator can do with it in Nextcloud; a text says why not. */
  readonly admin: ExAppAdmin | string
  close(): Promise<void>
}

/** An ExApp that AppAPI has installed. */
export interface ExAppAdmin {
  disable(): Promise<void>
  enable(): Promise<void>
  /** Whether its container runs. */
  isRunning(): Promise<boolean>
}

/** The tunnel client beside the ExApp. */
export const frpcVersion: FrpVersion = '0.71.0'

/** Who may see what of it. */
export const routes: readonly ExAppRoute[] = [
  { url: '^/public$', access_level: 0 },
  { url: '^/page$', access_level: 1 },
  { url: '^/counter-ws$', access_level: 1 },
  { url: '^/whoami$', access_level: 1 },
  { url: '^/admin$', access_level: 2 },
]
