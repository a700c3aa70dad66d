import { z } from 'zod'
import type { Kind } from './definition.ts'
import { conditions, dataKey, duration, hostName, kubernetesList, kubernetesObject, objectName, port, rules, structural, textMap, textSet } from './fields.ts'

/** Who issues certificates: cert-manager's reference to an Issuer or ClusterIssuer. */
const issuerRef = z.object({
  name: objectName.describe('Name of the issuer.'),
  kind: z.enum(['Issuer', 'ClusterIssuer']).default('Issuer').describe('An Issuer of this namespace, or a ClusterIssuer.'),
  group: z.string().min(1).max(253).default('cert-manager.io').describe('API group of the issuer.'),
})

const service = (description: string): z.ZodPrefault<typeof serviceFields> => serviceFields.prefault({}).describe(description)
const serviceFields = z
  .object({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP').describe('How the Service is reached.'),
    annotations: textMap.optional().describe('Annotations of the Service, as load balancers want them.'),
    nodePort: port.optional().describe('Port on the nodes; assigned by Kubernetes when absent.'),
    loadBalancerIP: z.string().max(64).optional().describe('Address that the load balancer should have.'),
    loadBalancerSourceRanges: textSet(z.string().max(64), 64).optional().describe('Networks that the load balancer lets in.'),
    externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional().describe("`Local` keeps the clients' addresses."),
  })
  .meta(
    rules(
      { rule: "!has(self.nodePort) || self.type != 'ClusterIP'", message: 'nodePort needs type NodePort or LoadBalancer' },
      { rule: "!has(self.loadBalancerIP) || self.type == 'LoadBalancer'", message: 'loadBalancerIP needs type LoadBalancer' },
      { rule: "!has(self.externalTrafficPolicy) || self.type != 'ClusterIP'", message: 'externalTrafficPolicy needs type NodePort or LoadBalancer' },
    ),
  )

const nextcloud = z
  .object({
    url: z.string().min(1).max(2048).regex(/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/)
      .describe('Address of Nextcloud as the data plane reaches it, with or without /index.php. It has to answer itself: redirects are not followed.'),
    front: z.boolean().default(false)
      .describe('Pass everything outside /exapps/ to Nextcloud, so that nextcloud_url of the registration can be the address of this Service.'),
    ingressRef: z.object({ name: objectName }).optional()
      .describe("Nextcloud's own Ingress in this namespace: host, class and TLS of the /exapps route are copied from it."),
  })
  .describe('The Nextcloud that is served.')

const sharedKey = z
  .object({
    secretRef: z
      .object({
        name: objectName.describe('A Secret in this namespace.'),
        key: dataKey.default('sharedKey').describe('Its entry that holds the key.'),
        previousKey: dataKey.optional().describe('Its entry that holds the key before, which stays valid.'),
      })
      .optional()
      .describe('A key of your own. Without it one is made, in the Secret <name>-shared-key.'),
  })
  .prefault({})
  .describe('The secret shared with Nextcloud.')

const frp = z
  .object({
    service: service('The Service that ExApps and Docker Engines outside the cluster dial in to, with frpc.'),
    address: z.string().min(1).max(260).regex(/^[^\s/:[\]]+(:\d{1,5})?$|^\[[0-9a-fA-F:.]+\](:\d{1,5})?$/).optional()
      .describe('host[:port] under which the FRP Service is reached from outside; found out from the load balancer or the nodes when absent.'),
    tls: z
      .object({
        enabled: z.boolean().default(true).describe('Whether tunnels are encrypted and need a client certificate.'),
        issuerRef: issuerRef.optional().describe('Let cert-manager issue the certificates of tunnels; it has to be an issuer with a CA of its own.'),
        serverNames: textSet(hostName, 32).optional().describe('Further names in the server certificate, beside harp.nc and those of the Service.'),
        rotateBefore: duration.default('30d').describe('How long before their end certificates are renewed.'),
      })
      .meta(rules({ rule: 'self.enabled || !has(self.issuerRef)', message: 'issuerRef has no use without TLS' }))
      .prefault({})
      .describe('Encryption of tunnels.'),
    websocket: z.enum(['mtls', 'token', 'off']).default('mtls').describe('Tunnels through a websocket: with a client certificate, with a token, or not at all.'),
    tunnelSharedKey: z.boolean().default(true).describe('Whether the shared key opens tunnels. ExApps deployed by HaRP need it; engine and ExApp tokens do not.'),
  })
  .prefault({})
  .describe('Tunnels.')

const http = z
  .object({
    service: service('The Service that Nextcloud and the Ingress reach.'),
    tls: z
      .object({
        secretName: objectName.optional().describe('A TLS Secret of this namespace, for HTTPS at the data plane itself.'),
        issuerRef: issuerRef.optional().describe('Let cert-manager issue that certificate.'),
      })
      .meta(rules({ rule: 'has(self.secretName) != has(self.issuerRef)', message: 'either secretName or issuerRef' }))
      .optional()
      .describe('HTTPS at the data plane, beside HTTP.'),
  })
  .prefault({})
  .describe('HTTP and HTTPS.')

const ingress = z
  .object({
    className: z.string().min(1).max(253).optional().describe("Ingress class; the cluster's default when absent."),
    hosts: textSet(hostName, 32).optional().describe("Host names; those of Nextcloud's Ingress with ingressRef."),
    tlsSecretName: objectName.optional().describe('TLS Secret of these hosts.'),
    annotations: textMap.optional().describe('Annotations beside, or in place of, those for ingress-nginx and Traefik that are set anyway.'),
  })
  .describe('Make an Ingress for /exapps.')

const httpRoute = z
  .object({
    parentRefs: kubernetesList(16).min(1).describe('Gateways, as in an HTTPRoute.'),
    hostnames: textSet(hostName, 16).optional().describe('Host names.'),
  })
  .describe('Make an HTTPRoute (Gateway API) for /exapps.')

const route = z
  .object({ ingress: ingress.optional(), httpRoute: httpRoute.optional() })
  .meta(rules({ rule: '!(has(self.ingress) && has(self.httpRoute))', message: 'either ingress or httpRoute' }))
  .optional()
  .describe('How visitors reach /exapps. None is made when absent; with ingressRef an Ingress is.')

const security = z
  .object({
    trustedProxies: textSet(z.string().min(1).max(64), 256).optional().describe('Addresses and networks of reverse proxies whose X-Forwarded-For is believed.'),
    blacklistCount: z.int().min(1).max(1_000_000).default(10).describe('Failures that ban a client.'),
    blacklistWindow: duration.default('300s').describe('Time in which they count; 0s: nobody is banned.'),
  })
  .prefault({})
  .describe('Who is believed and who is banned.')

const timeouts = z
  .object({
    connect: duration.default('30s').describe('Until an upstream is connected.'),
    client: duration.default('30s').describe('For pauses of clients.'),
    server: duration.default('1800s').describe('For answers of ExApps and pauses in them.'),
    tunnel: duration.optional().describe('Idle limit of WebSockets; as server when absent.'),
  })
  .prefault({})
  .describe('Time limits of requests.')

const pod = z
  .object({
    image: z.string().min(1).max(1024).optional().describe('Image of the data plane; the one that belongs to the operator when absent.'),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
    imagePullSecrets: z.array(z.object({ name: objectName })).max(16).optional(),
    resources: kubernetesObject.optional().describe('Requests and limits, in place of the default ones.'),
    nodeSelector: textMap.optional(),
    tolerations: kubernetesList(64).optional(),
    affinity: kubernetesObject.optional(),
    topologySpreadConstraints: kubernetesList(16).optional().describe('In place of spreading over nodes.'),
    priorityClassName: objectName.optional(),
    annotations: textMap.optional(),
    labels: textMap.optional(),
    logLevel: z.enum(['debug', 'info', 'warning', 'error']).default('info'),
  })
  .prefault({})
  .describe("The data plane's pods.")

const registration = z
  .object({
    name: z.string().min(1).max(64).regex(/^[A-Za-z0-9][-A-Za-z0-9_.]*$/).optional().describe("Name of the deploy daemon in Nextcloud; the resource's when absent."),
    displayName: z.string().min(1).max(128).regex(/^[^'"\\$`\p{Cc}]+$/u).optional().describe('Its label.'),
    deployId: z.enum(['docker-install', 'kubernetes-install', 'manual-install']).default('docker-install').describe('What AppAPI deploys with it.'),
    nextcloudUrl: z.string().max(2048).regex(/^https?:\/\/[^\s'"\\$`]+$/).optional()
      .describe("Nextcloud's address as ExApps reach it, through which /exapps has to lead here; nextcloud.url when absent."),
    net: z.string().min(1).max(128).regex(/^[A-Za-z0-9][-A-Za-z0-9_.]*$/).default('host').describe('Docker network of ExApps.'),
    computeDevice: z.enum(['cpu', 'cuda', 'rocm']).default('cpu'),
    setDefault: z.boolean().default(true).describe('Whether it becomes the default deploy daemon.'),
  })
  .prefault({})
  .describe('What the registration in Nextcloud says (status.registration.command).')

export const exAppDaemonSpec = z
  .object({
    nextcloud,
    sharedKey,
    replicas: z.int().min(0).max(1).default(1).describe('Pods of the data plane: one, or 0 to rest. Tunnels end in one process.'),
    frp,
    http,
    route,
    security,
    session: z
      .object({ lifetime: duration.default('3s').describe("How long a visitor's identity is remembered, up to 10s.") })
      .prefault({})
      .describe('Sessions of visitors.'),
    timeouts,
    pod,
    registration,
    networkPolicy: z
      .object({
        enabled: z.boolean().default(true).describe('Whether only the ports of the data plane are open.'),
        monitoringFrom: kubernetesList(16).optional().describe('Who may read metrics, as `from` in a NetworkPolicy; every pod of the namespace when absent.'),
      })
      .prefault({})
      .describe('NetworkPolicy of the pods.'),
    podDisruptionBudget: z.object({ enabled: z.boolean().default(true) }).prefault({}).describe('PodDisruptionBudget of the pods.'),
    monitoring: z
      .object({
        enabled: z.boolean().default(false).describe('Make a ServiceMonitor where that API exists.'),
        interval: duration.default('30s'),
        labels: textMap.optional().describe('Labels that your Prometheus selects ServiceMonitors by.'),
      })
      .prefault({})
      .describe('Prometheus.'),
  })
  .meta(
    rules(
      { rule: "!has(self.nextcloud.ingressRef) || !has(self.route) || !has(self.route.httpRoute)", message: 'ingressRef makes an Ingress; it does not go with route.httpRoute' },
      { rule: "!has(self.route) || !has(self.route.ingress) || has(self.nextcloud.ingressRef) || has(self.route.ingress.hosts)", message: 'route.ingress needs hosts, or nextcloud.ingressRef to copy them from' },
    ),
  )

export const exAppDaemonStatus = z.object({
  observedGeneration: z.int().min(0).optional().describe('The generation that the operator has acted on.'),
  conditions: conditions.optional(),
  problem: z.string().max(1024).optional().describe('The first thing that is wrong, in words; empty when nothing is.'),
  endpoints: z
    .object({
      http: z.string().optional().describe('host:port of the data plane for Nextcloud, in the cluster.'),
      frp: z.string().optional().describe('host:port of the data plane for frpc.'),
    })
    .optional(),
  registration: z
    .object({ command: z.string().describe('The occ command that registers this daemon in Nextcloud.') })
    .optional(),
  certificates: z
    .array(z.object({ name: z.string(), notAfter: z.string().meta({ format: 'date-time' }), fingerprint: z.string().describe('SHA-256.') }))
    .max(16)
    .meta(structural({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }))
    .optional()
    .describe('Certificates in use.'),
  engines: z
    .object({
      connected: z.int().min(0),
      total: z.int().min(0),
      ready: z.string().describe('connected/total, for people.'),
    })
    .optional()
    .describe('Docker Engines of this daemon.'),
})

export type ExAppDaemonSpec = z.output<typeof exAppDaemonSpec>
export type ExAppDaemonStatus = z.output<typeof exAppDaemonStatus>

/** One data plane for one Nextcloud. */
export const exAppDaemon: Kind = {
  kind: 'ExAppDaemon',
  plural: 'exappdaemons',
  shortNames: ['ead'],
  description: "A data plane that connects one Nextcloud with its External Apps (AppAPI's deploy daemon).",
  spec: exAppDaemonSpec,
  status: exAppDaemonStatus,
  columns: [
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Engines', type: 'string', jsonPath: '.status.engines.ready', description: 'Docker Engines that are connected, of all' },
    { name: 'Registered', type: 'string', jsonPath: ".status.conditions[?(@.type=='Registered')].status", description: 'Whether Nextcloud has been seen' },
    { name: 'Problem', type: 'string', jsonPath: '.status.problem' },
    { name: 'FRP', type: 'string', jsonPath: '.status.endpoints.frp', wide: true },
    { name: 'HTTP', type: 'string', jsonPath: '.status.endpoints.http', wide: true },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  // Names of children are this name and a suffix; Services allow 63 letters and begin with a letter.
  rules: [
    { rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 40", message: 'name: lower-case letters, digits and hyphens, beginning with a letter, at most 40' },
  ],
}
