import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, ports, selectorLabels } from './names.ts'

/** Labels of the operator's own pods (the chart gives them). */
const operatorPods = { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'harpoon-operator' } } }

/**
 * Closes all ports but the data plane's. HTTP and FRP are for whoever reaches the Services; health and metrics for the operator
 * and those who may monitor. What the data plane itself calls is open: Nextcloud and ExApps may be anywhere.
 */
export const networkPolicy = (
  daemon: DaemonIdentity,
  { spec, operatorNamespace }: { readonly spec: ExAppDaemonSpec; readonly operatorNamespace: string },
): KubernetesObject => ({
  ...child(resources.networkPolicy, daemon, { name: childNames(daemon.name).networkPolicy }),
  spec: {
    podSelector: { matchLabels: selectorLabels(daemon.name) },
    policyTypes: ['Ingress'],
    ingress: [
      { ports: [ports.http, ports.https, ports.frp].map((port) => ({ protocol: 'TCP', port })) },
      {
        ports: [{ protocol: 'TCP', port: ports.admin }],
        from: [
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } }, ...operatorPods },
          ...(spec.networkPolicy.monitoringFrom ?? [{ podSelector: {} }]),
        ],
      },
    ],
  },
})
