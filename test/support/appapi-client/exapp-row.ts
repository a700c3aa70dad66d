import type { ExAppRoute } from '../nextcloud/exapp-table.ts'

/** What an ExApp's info.xml says, as far as a daemon sees it. */
export interface Manifest {
  readonly appId: string
  readonly version: string
  readonly name?: string
  /** `docker-install`: registry, image and tag. */
  readonly image: { readonly registry?: string; readonly name: string; readonly tag?: string }
  readonly routes?: readonly ExAppRoute[]
  /** Where Nextcloud's menu leads to. */
  readonly page?: string
  /** Declared variables with their default values; empty ones are not set. */
  readonly environment?: Readonly<Record<string, string>>
}

/** What an admin may add at the installation. */
export interface InstallOptions {
  /** Values of declared variables. */
  readonly env?: Readonly<Record<string, string>>
  readonly mounts?: readonly { readonly source: string; readonly target: string; readonly mode: 'ro' | 'rw' }[]
}

/** An installed ExApp in Nextcloud's database. */
export interface ExAppRow {
  manifest: Manifest
  readonly options: InstallOptions
  readonly port: number
  readonly secret: string
  enabled: boolean
  /** `deploy` and `init`: 0 to 100. */
  readonly status: { deploy: number; init: number; error: string }
}
