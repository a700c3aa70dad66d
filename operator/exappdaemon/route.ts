import { z } from 'zod'
import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { seconds } from './config.ts'
import { childNames, ports } from './names.ts'

/** What is copied from Nextcloud's own Ingress. */
const ingressSchema = z.looseObject({
  spec: z.looseObject({
    ingressClassName: z.string().optional(),
    rules: z.array(z.looseObject({ host: z.string().optional() })).default([]),
    tls: z.array(z.looseObject({ hosts: z.array(z.string()).optional(), secretName: z.string().optional() })).default([]),
  }),
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) }),
})

/** The class could be named by an annotation before Ingress had a field for it. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

/**
 * What controllers have to be told, or they break AppAPI and ExApps: bodies of any size and unbuffered both ways, long answers
 * (HP_TIMEOUT_SERVER), WebSockets. Traefik and the Gateway implementations do all this by themselves. A path is never rewritten.
 */
const controllerAnnotations = (serverSeconds: number): Record<string, string> => ({
  'nginx.ingress.kubernetes.io/proxy-body-size': '0',
  'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
  'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
  'nginx.ingress.kubernetes.io/proxy-read-timeout': String(serverSeconds),
  'nginx.ingress.kubernetes.io/proxy-send-timeout': String(serverSeconds),
  'nginx.ingress.kubernetes.io/proxy-http-version': '1.1',
})

export interface RouteInput {
  readonly spec: ExAppDaemonSpec
  /** Nextcloud's own Ingress, when the daemon names one and it is there. */
  readonly nextcloudIngress: KubernetesObject | undefined
}

/** The Ingress or HTTPRoute of /exapps, when one is wanted. */
export function routes(daemon: DaemonIdentity, input: RouteInput): KubernetesObject[] {
  if (input.spec.route?.httpRoute) return [httpRoute(daemon, input.spec.route.httpRoute)]
  return input.spec.route?.ingress || input.spec.nextcloud.ingressRef ? [ingress(daemon, input)] : []
}

function ingress(daemon: DaemonIdentity, { spec, nextcloudIngress }: RouteInput): KubernetesObject {
  const own = spec.route?.ingress ?? {}
  const copied = nextcloudIngress ? ingressSchema.parse(nextcloudIngress) : undefined
  const hosts = own.hosts ?? copied?.spec.rules.flatMap(({ host }) => (host === undefined ? [] : [host])) ?? []
  const className = own.className ?? copied?.spec.ingressClassName ?? copied?.metadata.annotations[CLASS_ANNOTATION]
  const tls = own.tlsSecretName ? [{ hosts, secretName: own.tlsSecretName }] : (copied?.spec.tls ?? [])
  const backend = { service: { name: childNames(daemon.name).httpService, port: { name: 'http' } } }
  const http = { paths: [{ path: '/exapps/', pathType: 'Prefix', backend }] }
  return {
    ...child(resources.ingress, daemon, {
      name: childNames(daemon.name).route,
      annotations: { ...controllerAnnotations(seconds(spec.timeouts.server)), ...own.annotations },
    }),
    spec: {
      ...(className !== undefined && { ingressClassName: className }),
      ...(tls.length > 0 && { tls }),
      rules: hosts.length > 0 ? hosts.map((host) => ({ host, http })) : [{ http }],
    },
  }
}

function httpRoute(daemon: DaemonIdentity, { parentRefs, hostnames }: NonNullable<NonNullable<ExAppDaemonSpec['route']>['httpRoute']>): KubernetesObject {
  return {
    ...child(resources.httpRoute, daemon, { name: childNames(daemon.name).route }),
    spec: {
      parentRefs,
      ...(hostnames && { hostnames }),
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/exapps' } }],
          backendRefs: [{ name: childNames(daemon.name).httpService, port: ports.http }],
          // Zero is "no limit": the data plane has limits of its own.
          timeouts: { request: '0s', backendRequest: '0s' },
        },
      ],
    },
  }
}
