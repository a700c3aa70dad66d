/** Names of a daemon's children. All begin with the daemon's name, so that `kubectl get` shows them together. */
export const childNames = (daemon: string) =>
  ({
    deployment: daemon,
    serviceAccount: daemon,
    httpService: daemon,
    metricsService: `${daemon}-metrics`,
    frpService: `${daemon}-frp`,
    config: `${daemon}-config`,
    /** Made when the admin gives no key. */
    sharedKey: `${daemon}-shared-key`,
    /** What the pods read: the key and the one before. */
    keys: `${daemon}-keys`,
    /** The CA's key; read by the operator only. */
    frpAuthority: `${daemon}-frp-ca`,
    frpCertificates: `${daemon}-frp-tls`,
    /** Secrets that cert-manager fills. */
    issuedServer: `${daemon}-frp-server`,
    issuedClient: `${daemon}-frp-client`,
    issuedHttps: `${daemon}-https-issued`,
    httpsCertificate: `${daemon}-https`,
    enginePorts: `${daemon}-engine-ports`,
    registrationHook: `${daemon}-registration`,
    route: `${daemon}-exapps`,
    networkPolicy: daemon,
    podDisruptionBudget: daemon,
    serviceMonitor: daemon,
  }) as const

/** Ports as the data plane listens on them (and as HaRP did). */
export const ports = { http: 8780, https: 8781, frp: 8782, admin: 9180 } as const

/** Labels by which a daemon's pods are selected; they never change, since a Deployment's selector cannot. */
export const selectorLabels = (daemon: string) => ({ 'app.kubernetes.io/name': 'harpoon-proxy', 'app.kubernetes.io/instance': daemon })
