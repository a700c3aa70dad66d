import { isIP } from 'node:net'
import { z } from 'zod'
import { childNames, ports } from './names.ts'
import type { DaemonView } from './observe.ts'
import { frpClusterEndpoint, type Registration } from './registration.ts'

const serviceSchema = z.looseObject({
  spec: z.looseObject({ ports: z.array(z.looseObject({ port: z.number(), nodePort: z.number().optional() })).default([]) }),
  status: z
    .looseObject({
      loadBalancer: z
        .looseObject({ ingress: z.array(z.looseObject({ ip: z.string().optional(), hostname: z.string().optional() })).default([]) })
        .prefault({}),
    })
    .prefault({}),
})

/** Where frpc dials in from outside the cluster. */
export type TunnelAddress =
  | { readonly endpoint: string }
  /** There is none yet, with the reason in words. */
  | { readonly missing: string }

/** The address of tunnels: the one that the admin gives, else what the Service's type makes known. */
export function tunnelAddress(view: DaemonView): TunnelAddress {
  const { frp } = view.spec
  const { type } = frp.service
  const service = view.frpService && serviceSchema.parse(view.frpService)
  const nodePort = service?.spec.ports[0]?.nodePort
  const port = type === 'NodePort' ? nodePort : ports.frp
  if (frp.address !== undefined) {
    if (/:\d+$/.test(frp.address)) return { endpoint: frp.address }
    return port === undefined ? { missing: 'the Service has no node port yet' } : { endpoint: `${frp.address}:${port}` }
  }
  if (type === 'ClusterIP') return { endpoint: frpClusterEndpoint(view) }
  if (type === 'NodePort') return { missing: 'set spec.frp.address to a name or an address of your nodes: the operator does not know under which they are reached from outside' }
  const [balancer] = service?.status.loadBalancer.ingress ?? []
  const host = balancer?.hostname ?? balancer?.ip
  if (host === undefined) return { missing: `the load balancer has no address yet; \`kubectl describe service ${childNames(view.name).frpService}\` says why` }
  return { endpoint: `${isIP(host) === 6 ? `[${host}]` : host}:${ports.frp}` }
}

/** Names and addresses for the server's certificate, beside `harp.nc`, which frpc asks for unless it is told otherwise. */
export function serverNames(view: DaemonView): readonly string[] {
  const { frpService } = childNames(view.name)
  const address = tunnelAddress(view)
  const outside = 'endpoint' in address ? [address.endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')] : []
  const inside = [frpService, `${frpService}.${view.namespace}`, `${frpService}.${view.namespace}.svc`]
  return [...new Set([...inside, ...outside, ...(view.spec.frp.tls.serverNames ?? [])])].sort()
}

/** What the registration in Nextcloud has to say about this daemon. */
export function registrationOf(view: DaemonView): Registration {
  const address = tunnelAddress(view)
  const [engine] = [...view.enginePorts].sort((one, other) => one.port - other.port)
  return {
    name: view.name,
    namespace: view.namespace,
    spec: view.spec,
    frpAddress: 'endpoint' in address ? address.endpoint : frpClusterEndpoint(view),
    enginePort: engine?.port,
  }
}
