import type { ExAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, ports, selectorLabels } from './names.ts'

type ServiceSpec = ExAppDaemonSpec['http']['service']

/** The Service for Nextcloud and the Ingress. */
export const httpService = (daemon: DaemonIdentity, { spec, hasHttps }: { readonly spec: ExAppDaemonSpec; readonly hasHttps: boolean }): KubernetesObject =>
  service(daemon, childNames(daemon.name).httpService, spec.http.service, [
    { name: 'http', port: ports.http, targetPort: 'http', appProtocol: 'http' },
    ...(hasHttps ? [{ name: 'https', port: ports.https, targetPort: 'https', appProtocol: 'https' }] : []),
  ])

/** The Service that frpc dials in to. */
export const frpService = (daemon: DaemonIdentity, { spec }: { readonly spec: ExAppDaemonSpec }): KubernetesObject =>
  service(daemon, childNames(daemon.name).frpService, spec.frp.service, [{ name: 'frp', port: ports.frp, targetPort: 'frp' }])

interface ServicePort {
  readonly name: string
  readonly port: number
  readonly targetPort: string
  readonly appProtocol?: string
}

function service(daemon: DaemonIdentity, name: string, wanted: ServiceSpec, servicePorts: readonly ServicePort[]): KubernetesObject {
  const { type, annotations, nodePort, loadBalancerIP, loadBalancerSourceRanges, externalTrafficPolicy } = wanted
  return {
    ...child(resources.service, daemon, { name, annotations }),
    spec: {
      type,
      selector: selectorLabels(daemon.name),
      // The first port is the one that a nodePort is asked for.
      ports: servicePorts.map((port, index) => ({ ...port, protocol: 'TCP', ...(index === 0 && nodePort !== undefined && { nodePort }) })),
      ...(loadBalancerIP !== undefined && { loadBalancerIP }),
      ...(loadBalancerSourceRanges && { loadBalancerSourceRanges }),
      ...(externalTrafficPolicy && { externalTrafficPolicy }),
    },
  }
}
