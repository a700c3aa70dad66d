import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { paths } from './config.ts'
import { childNames, ports, selectorLabels } from './names.ts'

/** The image's own user (Dockerfile.proxy). */
const USER = 65_532

/** From the stop signal to the kill: HARPOON_STOP_TIMEOUT and a little. */
const GRACE_SECONDS = 30

/** A data plane at rest takes 90 MiB; tunnels and WebSockets come on top. */
const defaultResources = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } }

export interface DeploymentInput {
  readonly spec: ExAppDaemonSpec
  /** Image of the data plane that goes with this operator. */
  readonly image: string
  readonly hasHttps: boolean
}

/** The data plane's pods. Settings, keys and certificates change in place; only what a process cannot change rolls them. */
export function deployment(daemon: DaemonIdentity, { spec, image, hasHttps }: DeploymentInput): KubernetesObject {
  const names = childNames(daemon.name)
  const labels = selectorLabels(daemon.name)
  const { pod } = spec
  return {
    ...child(resources.deployment, daemon, { name: names.deployment }),
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: labels },
      // The new pod is ready before the old one goes: requests for tunnels that are on their way to it wait there.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { ...pod.labels, ...labels }, ...(pod.annotations && { annotations: pod.annotations }) },
        spec: {
          serviceAccountName: names.serviceAccount,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            fsGroup: USER,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          ...(pod.imagePullSecrets && { imagePullSecrets: pod.imagePullSecrets }),
          ...(pod.nodeSelector && { nodeSelector: pod.nodeSelector }),
          ...(pod.tolerations && { tolerations: pod.tolerations }),
          ...(pod.affinity && { affinity: pod.affinity }),
          ...(pod.priorityClassName && { priorityClassName: pod.priorityClassName }),
          topologySpreadConstraints: pod.topologySpreadConstraints ?? [
            { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: labels } },
          ],
          containers: [
            {
              name: 'proxy',
              image: pod.image ?? image,
              ...(pod.imagePullPolicy && { imagePullPolicy: pod.imagePullPolicy }),
              env: [{ name: 'HARPOON_CONFIG', value: `${paths.config}/config.yaml` }],
              ports: [
                { name: 'http', containerPort: ports.http, protocol: 'TCP' },
                ...(hasHttps ? [{ name: 'https', containerPort: ports.https, protocol: 'TCP' }] : []),
                { name: 'frp', containerPort: ports.frp, protocol: 'TCP' },
                { name: 'admin', containerPort: ports.admin, protocol: 'TCP' },
              ],
              startupProbe: probe('/readyz', { periodSeconds: 1, failureThreshold: 60 }),
              readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
              livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 6 }),
              resources: pod.resources ?? defaultResources,
              securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
              volumeMounts: [
                { name: 'config', mountPath: paths.config, readOnly: true },
                { name: 'keys', mountPath: paths.keys, readOnly: true },
                { name: 'certificates', mountPath: paths.certificates, readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'config', configMap: { name: names.config } },
            { name: 'keys', secret: { secretName: names.keys, defaultMode: 0o440 } },
            { name: 'certificates', projected: { defaultMode: 0o440, sources: certificateSources(names, { hasHttps, hasTls: spec.frp.tls.enabled }) } },
          ],
        },
      },
    },
  }
}

const probe = (path: string, timing: { readonly periodSeconds: number; readonly failureThreshold: number }): Record<string, unknown> => ({
  httpGet: { path, port: 'admin' },
  timeoutSeconds: 5,
  ...timing,
})

/** The files of /certs under HaRP's names; the CA's key is not among them. */
function certificateSources(names: ReturnType<typeof childNames>, { hasHttps, hasTls }: { readonly hasHttps: boolean; readonly hasTls: boolean }): unknown[] {
  const frp = ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key'].map((key) => ({ key, path: `frp/${key}` }))
  return [
    ...(hasTls ? [{ secret: { name: names.frpCertificates, items: frp } }] : []),
    ...(hasHttps ? [{ secret: { name: names.httpsCertificate, items: [{ key: 'cert.pem', path: 'cert.pem' }] } }] : []),
  ]
}

