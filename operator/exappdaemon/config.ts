import { dump } from 'js-yaml'
import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, ports } from './names.ts'
import type { EnginePort } from './observe.ts'

/** Where the pods find what is mounted. */
export const paths = { config: '/etc/harpoon', keys: '/run/secrets/harpoon', certificates: '/certs' } as const

/** Entries of the Secret that the pods read the keys from. */
export const keyEntries = { current: 'sharedKey', previous: 'previousSharedKey' } as const

export interface ConfigInput {
  readonly spec: ExAppDaemonSpec
  readonly hasPreviousKey: boolean
  /** Docker Engines that may dial in. */
  readonly engines: readonly EnginePort[]
}

/** The data plane's settings, as its own `readConfig` takes them from the file that HARPOON_CONFIG names. */
export function proxySettings({ spec, hasPreviousKey, engines }: ConfigInput): Record<string, unknown> {
  const { nextcloud, frp, security, timeouts, session, pod } = spec
  return {
    NC_INSTANCE_URL: nextcloud.url,
    HP_SHARED_KEY_FILE: `${paths.keys}/${keyEntries.current}`,
    ...(hasPreviousKey && { HARPOON_PREVIOUS_SHARED_KEY_FILE: `${paths.keys}/${keyEntries.previous}` }),
    // Both address families: the pod's own may be either.
    HP_EXAPPS_ADDRESS: `[::]:${ports.http}`,
    HP_EXAPPS_HTTPS_ADDRESS: `[::]:${ports.https}`,
    HP_FRP_ADDRESS: `[::]:${ports.frp}`,
    HARPOON_ADMIN_ADDRESS: `[::]:${ports.admin}`,
    HARPOON_CERTS_DIR: paths.certificates,
    HARPOON_FRONT: nextcloud.front,
    HARPOON_FRP_WEBSOCKET: frp.websocket,
    HARPOON_TUNNEL_SHARED_KEY: frp.tunnelSharedKey,
    HP_FRP_DISABLE_TLS: !frp.tls.enabled,
    HP_LOG_LEVEL: pod.logLevel,
    HP_TRUSTED_PROXY_IPS: security.trustedProxies ?? [],
    HP_BLACKLIST_COUNT: String(security.blacklistCount),
    HP_BLACKLIST_WINDOW: String(seconds(security.blacklistWindow)),
    HP_SESSION_LIFETIME: String(seconds(session.lifetime)),
    HP_TIMEOUT_CONNECT: timeouts.connect,
    HP_TIMEOUT_CLIENT: timeouts.client,
    HP_TIMEOUT_SERVER: timeouts.server,
    ...(timeouts.tunnel !== undefined && { HP_TIMEOUT_TUNNEL: timeouts.tunnel }),
    // An empty list is one too: then no engine may dial in.
    HARPOON_ENGINES: engines.map(({ name, port, uid }) => ({ name, port: String(port), generation: uid })),
    // Shorter than the pod's grace period: what runs is cut by us, with a reason, and not by the kubelet.
    HARPOON_STOP_TIMEOUT: '25s',
  }
}

/** The ConfigMap that the pods read their settings from. */
export const configMap = (daemon: DaemonIdentity, input: ConfigInput): KubernetesObject => ({
  ...child(resources.configMap, daemon, { name: childNames(daemon.name).config }),
  data: { 'config.yaml': dump(proxySettings(input), { lineWidth: -1 }) },
})

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/** A duration of a spec in seconds, for settings that HaRP counts in seconds. */
export function seconds(duration: string): number {
  const [, amount = '0', unit = 's'] = /^(\d+)(ms|s|m|h|d)$/.exec(duration) ?? []
  return Number(amount) * (unitSeconds[unit] ?? 1)
}
