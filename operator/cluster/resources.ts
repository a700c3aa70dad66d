/** What every object of the API has. The rest belongs to its kind. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** One object of a kind that is known by its context. */
export interface ResourceKey {
  readonly namespace: string
  readonly name: string
}

/** A kind as the API's paths name it. */
export interface ResourceType {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
}

const resource = (apiVersion: string, kind: string, plural = `${kind.toLowerCase()}s`): ResourceType => ({ apiVersion, kind, plural })

/** Every kind that the operator reads or writes; all of them are namespaced. */
export const resources = {
  exAppDaemon: resource('harpoon.dev/v1alpha1', 'ExAppDaemon'),
  dockerEngine: resource('harpoon.dev/v1alpha1', 'DockerEngine'),
  configMap: resource('v1', 'ConfigMap'),
  secret: resource('v1', 'Secret'),
  service: resource('v1', 'Service'),
  serviceAccount: resource('v1', 'ServiceAccount'),
  pod: resource('v1', 'Pod'),
  deployment: resource('apps/v1', 'Deployment'),
  role: resource('rbac.authorization.k8s.io/v1', 'Role'),
  roleBinding: resource('rbac.authorization.k8s.io/v1', 'RoleBinding'),
  ingress: resource('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  networkPolicy: resource('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  podDisruptionBudget: resource('policy/v1', 'PodDisruptionBudget'),
  lease: resource('coordination.k8s.io/v1', 'Lease'),
  event: resource('events.k8s.io/v1', 'Event'),
  httpRoute: resource('gateway.networking.k8s.io/v1', 'HTTPRoute'),
  certificate: resource('cert-manager.io/v1', 'Certificate'),
  serviceMonitor: resource('monitoring.coreos.com/v1', 'ServiceMonitor'),
} as const satisfies Record<string, ResourceType>

/** The type of an object that we built or read. @throws RangeError for a kind that is not in the table */
export function typeOf({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): ResourceType {
  const found = Object.values(resources).find((type) => type.kind === kind && type.apiVersion === apiVersion)
  if (!found) throw new RangeError(`${apiVersion} ${kind} is no kind that the operator handles`)
  return found
}

/** The path of a collection; of all namespaces when none is named. */
export function collectionPath({ apiVersion, plural }: ResourceType, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

/** The path of one object. */
export const objectPath = (type: ResourceType, { namespace, name }: ResourceKey): string =>
  `${collectionPath(type, namespace)}/${encodeURIComponent(name)}`

/** One text per object, to be a key of a Map or a queue. */
export const keyText = ({ namespace, name }: ResourceKey): string => `${namespace}/${name}`

/** The key of an object. */
export const keyOf = ({ metadata }: KubernetesObject): ResourceKey => ({ namespace: metadata.namespace ?? '', name: metadata.name })
