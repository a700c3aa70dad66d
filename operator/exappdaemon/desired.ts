import type { KubernetesObject, ResourceType } from '../cluster/resources.ts'
import { resources } from '../cluster/resources.ts'
import { registrationOf, serverNames } from './addresses.ts'
import { certificate, frpCertificateRequests } from './cert-manager.ts'
import { configMap } from './config.ts'
import { deployment } from './deployment.ts'
import { type FrpFiles, frpSecret } from './frp-certificates.ts'
import { authoritySecret, type FrpAuthority } from './frp-authority.ts'
import { type Keys, keysSecret, sharedKeySecret } from './keys.ts'
import { childNames } from './names.ts'
import { networkPolicy } from './network-policy.ts'
import type { DaemonView } from './observe.ts'
import { podDisruptionBudget } from './pod-disruption-budget.ts'
import { registrationHook } from './registration.ts'
import { routes } from './route.ts'
import { serviceAccount } from './service-account.ts'
import { metricsService, serviceMonitor } from './service-monitor.ts'
import { frpService, httpService } from './services.ts'
import { httpsSecret } from './https-certificate.ts'

/** Secrets of a daemon as they are from now on: what is random or takes time was made before. */
export interface Credentials {
  /** A key that we made because none was given. */
  readonly generatedKey: string | undefined
  readonly keys: Keys | undefined
  /** Our own CA; `undefined` where an issuer has one, or tunnels are not encrypted. */
  readonly authority: { readonly authority: FrpAuthority; readonly rotation: string } | undefined
  /** `undefined` where tunnels are not encrypted, or nothing was issued yet. */
  readonly frpFiles: FrpFiles | undefined
  /** Chain and key in one text, for HTTPS. */
  readonly https: string | undefined
}

/** Where the operator runs, and with which image the data plane does. */
export interface OperatorFacts {
  readonly image: string
  readonly namespace: string
  /** The operator's own name among its replicas. */
  readonly instance: string
}

/** Kinds that a daemon may have as children; what is there of them and not desired any more is deleted. */
export const childTypes: readonly ResourceType[] = [
  resources.configMap,
  resources.secret,
  resources.service,
  resources.serviceAccount,
  resources.deployment,
  resources.ingress,
  resources.httpRoute,
  resources.certificate,
  resources.networkPolicy,
  resources.podDisruptionBudget,
  resources.serviceMonitor,
]

/** Everything that a daemon should consist of, in the order in which it is made: pods come after what they mount. */
export function desiredObjects(view: DaemonView, credentials: Credentials, operator: OperatorFacts): readonly KubernetesObject[] {
  const { spec } = view
  const registration = registrationOf(view)
  const { generatedKey, keys, authority, frpFiles, https } = credentials
  const hasHttps = https !== undefined
  return [
    serviceAccount(view),
    ...(generatedKey === undefined ? [] : [sharedKeySecret(view, generatedKey)]),
    ...(keys ? [keysSecret(view, keys)] : []),
    ...(authority ? [authoritySecret(view, authority.authority, authority.rotation)] : []),
    ...certificateRequests(view),
    ...(frpFiles ? [frpSecret(view, frpFiles)] : []),
    ...(hasHttps ? [httpsSecret(view, https)] : []),
    configMap(view, { spec, hasPreviousKey: keys?.previous !== undefined, engines: view.enginePorts }),
    registrationHook(registration),
    httpService(view, { spec, hasHttps }),
    frpService(view, { spec }),
    ...(spec.networkPolicy.enabled ? [networkPolicy(view, { spec, operatorNamespace: operator.namespace })] : []),
    ...(spec.podDisruptionBudget.enabled ? [podDisruptionBudget(view)] : []),
    ...(spec.monitoring.enabled ? [metricsService(view), serviceMonitor(view, { spec })] : []),
    ...routes(view, view),
    // Without a key or certificates no pod could start: it would only try again and again.
    ...(keys && (frpFiles || !spec.frp.tls.enabled) ? [deployment(view, { spec, image: operator.image, hasHttps })] : []),
  ]
}

/** What cert-manager is asked for. */
function certificateRequests(view: DaemonView): readonly KubernetesObject[] {
  const { frp, http, route } = view.spec
  const https = http.tls?.issuerRef
  const service = `${childNames(view.name).httpService}.${view.namespace}.svc`
  return [
    ...(frp.tls.enabled && frp.tls.issuerRef ? frpCertificateRequests(view, frp.tls.issuerRef, serverNames(view)) : []),
    ...(https ? [certificate(view, { name: childNames(view.name).issuedHttps, issuerRef: https, commonName: service, names: route?.ingress?.hosts ?? [], usage: 'server auth' })] : []),
  ]
}
