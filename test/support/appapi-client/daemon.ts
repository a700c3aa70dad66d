/** A deploy daemon as `occ app_api:daemon:register` stores it (AppAPI contract §1.2), for Docker. */
export interface Daemon {
  /** `host[:port]`, as Nextcloud reaches the data plane. */
  readonly host: string
  readonly net: string
  /** Base of Nextcloud's requests to ExApps, and their `NEXTCLOUD_URL`. */
  readonly nextcloudUrl: string
  readonly sharedKey: string
  readonly computeDevice: 'cpu' | 'cuda' | 'rocm'
  readonly harp: {
    /** `host:port` without a scheme. */
    readonly frpAddress: string
    /** Missing in records of old all-in-one installations: the header is then empty. */
    readonly dockerSocketPort?: string | number
    /** No tunnel between ExApp and daemon. */
    readonly exAppDirect: boolean
  }
  readonly registries?: readonly { readonly from: string; readonly to: string }[]
  /** Bytes, and cores × 1e9; only a person who edits the daemon sets them. */
  readonly resourceLimits?: { readonly memory?: number; readonly nanoCPUs?: number }
  readonly overrideAppHost?: string
}

/** Base of every control call (AppAPI contract §1.3). */
export function controlUrl({ host }: Daemon): string {
  return `http://${host.replace(/\/+$/, '')}/exapps/app_api`
}

/** Base of every request to an ExApp. */
export function exAppUrl({ nextcloudUrl }: Daemon, appId: string): string {
  return `${nextcloudUrl.replace(/\/$/, '').replace(/\/index\.php$/, '')}/exapps/${appId}`
}

/** The headers of a Docker call; the rest of the control API gets the key alone (AppAPI contract §2.1). */
export function dockerHeaders({ sharedKey, harp }: Daemon): Record<string, string> {
  return {
    'harp-shared-key': sharedKey,
    'docker-engine-port': String(harp.dockerSocketPort ?? ''),
    Authorization: `Basic ${Buffer.from(`app_api_haproxy_user:${sharedKey}`).toString('base64')}`,
  }
}
