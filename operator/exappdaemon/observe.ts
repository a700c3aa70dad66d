import { z } from 'zod'
import type { ProxyStatus } from '../../proxy/status.ts'
import { type ExAppDaemonSpec, exAppDaemonSpec, type ExAppDaemonStatus, exAppDaemonStatus } from '../../crds/exappdaemon.ts'
import type { ObjectStore } from '../cluster/children.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type KubernetesObject, resources, type ResourceType } from '../cluster/resources.ts'
import { secretEntries } from '../cluster/secret.ts'
import { childNames, selectorLabels } from './names.ts'

/** All that one reconcile of a daemon reads. */
export interface DaemonView {
  readonly object: KubernetesObject
  readonly name: string
  readonly namespace: string
  readonly spec: ExAppDaemonSpec
  readonly status: ExAppDaemonStatus
  /** Entries of the Secret that the admin named, or of the one that we made; `undefined` when it is not there. */
  readonly givenKey: Readonly<Record<string, string>> | undefined
  readonly keysInUse: Readonly<Record<string, string>>
  readonly authority: { readonly entries: Readonly<Record<string, string>>; readonly rotation: string }
  readonly frpFiles: Readonly<Record<string, string>>
  /** What cert-manager has issued for tunnels; empty before, and without an issuer. */
  readonly issued: { readonly server: Readonly<Record<string, string>>; readonly client: Readonly<Record<string, string>> }
  readonly httpsSecret: Readonly<Record<string, string>> | undefined
  readonly nextcloudIngress: KubernetesObject | undefined
  readonly enginePorts: readonly EnginePort[]
  readonly deployment: DeploymentState | undefined
  readonly frpService: KubernetesObject | undefined
  /** What each pod that runs says of itself; `undefined` for one that does not answer. */
  readonly pods: readonly PodView[]
  /** Kinds of others that are installed. */
  readonly installed: { readonly httpRoute: boolean; readonly certificate: boolean; readonly serviceMonitor: boolean }
}

export interface EnginePort {
  readonly name: string
  readonly port: number
  readonly uid: string
}

export interface PodView {
  readonly name: string
  readonly isReady: boolean
  /** Why its container does not run, in the kubelet's words. */
  readonly problem: string | undefined
  readonly report: ProxyStatus | undefined
}

export interface DeploymentState {
  readonly isCurrent: boolean
  readonly replicas: number
  readonly availableReplicas: number
  readonly problem: string | undefined
}

export interface ObserveDeps {
  readonly cluster: Cluster
  readonly storeOf: (type: ResourceType) => ObjectStore | undefined
  readonly readReport: (podAddress: string) => Promise<ProxyStatus | undefined>
  readonly enginePortsOf: (daemon: KubernetesObject) => readonly EnginePort[]
}

/** Gathers what is there. Objects of ours come from watches; those that an admin names are read. */
export async function observe(object: KubernetesObject, deps: ObserveDeps): Promise<DaemonView> {
  const { name, namespace = '' } = object.metadata
  const spec = exAppDaemonSpec.parse(object['spec'])
  const names = childNames(name)
  const ours = (type: ResourceType, child: string): KubernetesObject | undefined => deps.storeOf(type)?.get({ namespace, name: child })
  const read = (type: ResourceType, child: string): Promise<KubernetesObject | undefined> => deps.cluster.read(type, { namespace, name: child })

  const keyRef = spec.sharedKey.secretRef
  const givenKey = keyRef ? await read(resources.secret, keyRef.name) : ours(resources.secret, names.sharedKey)
  const httpsName = spec.http.tls?.secretName ?? (spec.http.tls?.issuerRef ? names.issuedHttps : undefined)
  const httpsSecret = httpsName === undefined ? undefined : await read(resources.secret, httpsName)
  const ingressName = spec.nextcloud.ingressRef?.name
  const authority = ours(resources.secret, names.frpAuthority)
  return {
    object,
    name,
    namespace,
    spec,
    status: exAppDaemonStatus.catch({}).parse(object['status'] ?? {}),
    givenKey: givenKey && secretEntries(givenKey),
    keysInUse: secretEntries(ours(resources.secret, names.keys)),
    authority: { entries: secretEntries(authority), rotation: authority?.metadata.annotations?.['harpoon.dev/rotate-ca'] ?? '' },
    frpFiles: secretEntries(ours(resources.secret, names.frpCertificates)),
    issued: { server: secretEntries(ours(resources.secret, names.issuedServer)), client: secretEntries(ours(resources.secret, names.issuedClient)) },
    httpsSecret: httpsSecret && secretEntries(httpsSecret),
    nextcloudIngress: ingressName === undefined ? undefined : await read(resources.ingress, ingressName),
    enginePorts: deps.enginePortsOf(object),
    deployment: deploymentState(ours(resources.deployment, names.deployment)),
    frpService: ours(resources.service, names.frpService),
    pods: await Promise.all(podsOf(object, deps.storeOf(resources.pod)).map((pod) => podView(pod, deps.readReport))),
    installed: {
      httpRoute: deps.storeOf(resources.httpRoute) !== undefined,
      certificate: deps.storeOf(resources.certificate) !== undefined,
      serviceMonitor: deps.storeOf(resources.serviceMonitor) !== undefined,
    },
  }
}

const conditionSchema = z.looseObject({ type: z.string(), status: z.string(), reason: z.string().default(''), message: z.string().default('') })

const deploymentSchema = z.looseObject({
  metadata: z.looseObject({ generation: z.number().default(0) }),
  spec: z.looseObject({ replicas: z.number().default(1) }),
  status: z
    .looseObject({
      observedGeneration: z.number().default(0),
      availableReplicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
})

function deploymentState(object: KubernetesObject | undefined): DeploymentState | undefined {
  if (!object) return undefined
  const { metadata, spec, status } = deploymentSchema.parse(object)
  const failure = status.conditions.find(({ type, status: holds }) => (type === 'ReplicaFailure' && holds === 'True') || (type === 'Progressing' && holds === 'False'))
  return {
    isCurrent: status.observedGeneration >= metadata.generation && status.updatedReplicas >= spec.replicas,
    replicas: spec.replicas,
    availableReplicas: status.availableReplicas,
    problem: failure?.message,
  }
}

const podSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), deletionTimestamp: z.string().optional() }),
  status: z
    .looseObject({
      podIP: z.string().optional(),
      conditions: z.array(conditionSchema).default([]),
      containerStatuses: z
        .array(
          z.looseObject({
            state: z
              .looseObject({
                waiting: z.looseObject({ reason: z.string().default(''), message: z.string().default('') }).optional(),
                terminated: z.looseObject({ reason: z.string().default(''), message: z.string().default(''), exitCode: z.number().default(0) }).optional(),
              })
              .default({}),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

function podsOf(daemon: KubernetesObject, pods: ObjectStore | undefined): readonly KubernetesObject[] {
  const labels = Object.entries(selectorLabels(daemon.metadata.name))
  return (pods?.all() ?? []).filter(
    ({ metadata }) => metadata.namespace === daemon.metadata.namespace && !metadata.deletionTimestamp && labels.every(([name, value]) => metadata.labels?.[name] === value),
  )
}

async function podView(object: KubernetesObject, readReport: ObserveDeps['readReport']): Promise<PodView> {
  const { metadata, status } = podSchema.parse(object)
  const unscheduled = status.conditions.find(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False')
  const [waiting] = status.containerStatuses.flatMap(({ state }) => (state.waiting?.message ? [`${state.waiting.reason}: ${state.waiting.message}`] : []))
  return {
    name: metadata.name,
    isReady: status.conditions.some(({ type, status: holds }) => type === 'Ready' && holds === 'True'),
    problem: waiting ?? unscheduled?.message,
    report: status.podIP === undefined ? undefined : await readReport(status.podIP),
  }
}
