import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { keyEntries } from './config.ts'
import { childNames, ports } from './names.ts'

/** Names in the cluster; the search path completes them whatever the cluster's domain is. */
const inCluster = (service: string, namespace: string, port: number): string => `${service}.${namespace}.svc:${port}`

/** host:port of the data plane as Nextcloud reaches it. */
export const httpEndpoint = ({ name, namespace }: DaemonIdentity): string => inCluster(childNames(name).httpService, namespace, ports.http)

/** host:port of the FRP Service within the cluster. */
export const frpClusterEndpoint = ({ name, namespace }: DaemonIdentity): string => inCluster(childNames(name).frpService, namespace, ports.frp)

export interface Registration extends DaemonIdentity {
  readonly spec: ExAppDaemonSpec
  /** host:port that ExApps dial in to. */
  readonly frpAddress: string
  /** AppAPI's number of the engine on which it deploys. */
  readonly enginePort: number | undefined
}

/** The arguments of `occ app_api:daemon:register`, in its order; `key` is a shell expression, never the key itself. */
function registerArguments({ name, namespace, spec, frpAddress, enginePort }: Registration, key: string): string[] {
  const { registration, nextcloud } = spec
  const isKubernetes = registration.deployId === 'kubernetes-install'
  return [
    'app_api:daemon:register',
    quoted(registration.name ?? name),
    quoted(registration.displayName ?? `Harpoon (${name})`),
    registration.deployId,
    'http',
    httpEndpoint({ name, namespace }),
    quoted(registration.nextcloudUrl ?? nextcloud.url),
    `--net=${registration.net}`,
    `--compute_device=${registration.computeDevice}`,
    '--harp',
    `--harp_shared_key=${key}`,
    ...(isKubernetes ? ['--k8s'] : [`--harp_frp_address=${frpAddress}`, ...(enginePort === undefined ? [] : [`--harp_docker_socket_port=${enginePort}`])]),
    ...(registration.setDefault ? ['--set-default'] : []),
  ]
}

/** The schema lets no quotes, dollars, backquotes or backslashes in. */
const quoted = (text: string): string => `"${text}"`

/** The Secret and its entry that hold the key that Nextcloud has to be given. */
function keyReference({ name, spec }: Registration): { readonly secret: string; readonly entry: string } {
  const ref = spec.sharedKey.secretRef
  return ref ? { secret: ref.name, entry: ref.key } : { secret: childNames(name).sharedKey, entry: keyEntries.current }
}

/** The exact line to run where `kubectl` and `occ` are at hand; the key is read from its Secret and stands nowhere else. */
export function registrationCommand(registration: Registration): string {
  const { secret, entry } = keyReference(registration)
  const key = `"$(kubectl get secret ${secret} -n ${registration.namespace} -o go-template='{{index .data "${entry}" | base64decode}}')"`
  return ['occ', ...registerArguments(registration, key)].join(' ')
}

/** Where the hook finds the key: mount the Secret of the key there. */
const HOOK_KEY_FOLDER = '/run/secrets/harpoon'

/**
 * A script for `/docker-entrypoint-hooks.d/before-starting` of Nextcloud's image, which registers the daemon at each start.
 * Registering a name that is known changes nothing, so that it may run every time (AppAPI contract §1.1).
 */
export function registrationHook(registration: Registration): KubernetesObject {
  const { entry } = keyReference(registration)
  const command = ['php', '/var/www/html/occ', ...registerArguments(registration, `"$(cat "${HOOK_KEY_FOLDER}/${entry}")"`)].join(' ')
  const script = [
    '#!/bin/sh',
    '# Registers the deploy daemon in AppAPI. Mount it in /docker-entrypoint-hooks.d/before-starting, and the Secret',
    `# of the shared key in ${HOOK_KEY_FOLDER}.`,
    'set -eu',
    'php /var/www/html/occ app:enable app_api',
    command,
    '',
  ].join('\n')
  return {
    ...child(resources.configMap, registration, { name: childNames(registration.name).registrationHook }),
    data: { 'register-daemon.sh': script },
  }
}
