import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, ports, selectorLabels } from './names.ts'

/** By which the ServiceMonitor tells this Service from the others. */
const metricsLabel = { 'harpoon.dev/metrics': 'true' }

/** A Service without address, since a ServiceMonitor finds pods through Services only. */
export const metricsService = (daemon: DaemonIdentity): KubernetesObject => ({
  ...child(resources.service, daemon, { name: childNames(daemon.name).metricsService, labels: metricsLabel }),
  spec: { clusterIP: 'None', selector: selectorLabels(daemon.name), ports: [{ name: 'admin', port: ports.admin, targetPort: 'admin', protocol: 'TCP' }] },
})

/** Tells a Prometheus of the Prometheus operator to read the pods' metrics. */
export const serviceMonitor = (daemon: DaemonIdentity, { spec }: { readonly spec: ExAppDaemonSpec }): KubernetesObject => ({
  ...child(resources.serviceMonitor, daemon, { name: childNames(daemon.name).serviceMonitor, labels: spec.monitoring.labels }),
  spec: {
    selector: { matchLabels: { ...selectorLabels(daemon.name), ...metricsLabel } },
    endpoints: [{ port: 'admin', path: '/metrics', interval: spec.monitoring.interval }],
  },
})
