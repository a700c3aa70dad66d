import type { Daemon } from './daemon.ts'
import type { ExAppRow } from './exapp-row.ts'
import type { AppApiVersion } from './version.ts'

/** The variables of a container in AppAPI's order (its contract §7). */
export function environmentOf({ manifest, options, port, secret }: ExAppRow, daemon: Daemon, version: AppApiVersion): readonly string[] {
  const { harp, computeDevice } = daemon
  const [frpHost = '', frpPort = ''] = harp.frpAddress.split(':')
  const variables: readonly (readonly [string, string])[] = [
    ['AA_VERSION', version],
    ['APP_SECRET', secret],
    ['APP_ID', manifest.appId],
    ['APP_DISPLAY_NAME', manifest.name ?? manifest.appId],
    ['APP_VERSION', manifest.version],
    ['APP_HOST', harp.exAppDirect ? (daemon.overrideAppHost ?? '0.0.0.0') : '127.0.0.1'],
    ['APP_PORT', String(port)],
    ['APP_PERSISTENT_STORAGE', `/nc_app_${manifest.appId}_data`],
    ['NEXTCLOUD_URL', daemon.nextcloudUrl],
    ['COMPUTE_DEVICE', computeDevice.toUpperCase()],
    ...(computeDevice === 'cuda' ? ([['NVIDIA_VISIBLE_DEVICES', 'all'], ['NVIDIA_DRIVER_CAPABILITIES', 'compute,utility']] as const) : []),
    ...Object.entries(manifest.environment ?? {})
      .map(([name, value]) => [name, options.env?.[name] ?? value] as const)
      .filter(([, value]) => value !== ''),
    ...(harp.exAppDirect
      ? []
      : ([['HP_FRP_ADDRESS', frpHost], ['HP_FRP_PORT', frpPort], ['HP_SHARED_KEY', daemon.sharedKey]] as const)),
  ]
  return variables.map(([name, value]) => `${name}=${value}`)
}
