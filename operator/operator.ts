import type { Logger } from 'pino'
import type { Api } from './cluster/api.ts'
import { Children, type ObjectStore } from './cluster/children.ts'
import { Cluster } from './cluster/cluster.ts'
import { managedSelector } from './cluster/ownership.ts'
import { keyOf, keyText, type KubernetesObject, type ResourceKey, resources, type ResourceType } from './cluster/resources.ts'
import { reconcileDockerEngine } from './dockerengine/reconcile.ts'
import { ledgerOf } from './dockerengine/ledger.ts'
import { childNames, selectorLabels } from './exappdaemon/names.ts'
import type { DaemonView, ObserveDeps } from './exappdaemon/observe.ts'
import { reconcileExAppDaemon } from './exappdaemon/reconcile.ts'
import { ObjectWatch } from './loop/watch.ts'
import { WorkQueue } from './loop/queue.ts'
import type { OperatorMetrics } from './metrics.ts'

export interface OperatorDeps {
  readonly api: Api
  readonly log: Logger
  readonly metrics: OperatorMetrics
  readonly image: string
  readonly namespace: string
  readonly watchNamespace: string | undefined
  readonly instance: string
  readonly readReport: ObserveDeps['readReport']
  readonly now: () => Date
}

/** A leading operator. */
export interface Operator {
  /** Resources that wait for a reconcile, or whose last one failed. */
  queued(kind: string): number
  failing(kind: string): number
  /** Whether all watches follow their objects. */
  readonly isWatching: boolean
  close(): Promise<void>
}

/** What we watch: our kinds, what we made of others, and the pods of data planes. The last three only where they are installed. */
const always = ['exAppDaemon', 'dockerEngine', 'configMap', 'secret', 'service', 'serviceAccount', 'pod', 'deployment', 'ingress', 'networkPolicy', 'podDisruptionBudget'] as const
const optional = ['httpRoute', 'certificate', 'serviceMonitor'] as const

/** Daemons and engines at once; each waits for the API server most of the time. */
const CONCURRENCY = 4

/** Starts watching and reconciling. */
export async function startOperator(deps: OperatorDeps): Promise<Operator> {
  const { api, log, metrics, now } = deps
  const cluster = new Cluster(api)
  const views = new Map<string, DaemonView>()
  const watches = new Map<string, ObjectWatch>()
  const storeOf = (type: ResourceType): ObjectStore | undefined => watches.get(type.kind)
  const children = new Children({ cluster, storeOf })

  const enginesOf = (daemon: ResourceKey): readonly KubernetesObject[] =>
    (storeOf(resources.dockerEngine)?.all() ?? []).filter((engine) => engine.metadata.namespace === daemon.namespace && daemonOf(engine) === daemon.name)

  const daemons = queueFor('ExAppDaemon', (key) =>
    reconcileExAppDaemon(key, {
      cluster,
      storeOf,
      children,
      now,
      readReport: deps.readReport,
      operator: { image: deps.image, namespace: deps.namespace, instance: deps.instance },
      enginePortsOf: (daemon) => {
        const { name, namespace = '' } = daemon.metadata
        const ledger = ledgerOf(storeOf(resources.configMap)?.get({ namespace, name: childNames(name).enginePorts }))
        return [...ledger].map(([port, { name: engine, uid }]) => ({ name: engine, port, uid }))
      },
      onView: (daemon, view) => {
        if (view) views.set(keyText(daemon), view)
        else views.delete(keyText(daemon))
        for (const engine of enginesOf(daemon)) engines.add(keyText(keyOf(engine)))
      },
    }),
  )
  const engines = queueFor('DockerEngine', (key) =>
    reconcileDockerEngine(key, { cluster, storeOf, children, now, instance: deps.instance, daemonView: (daemon) => views.get(keyText(daemon)) }),
  )

  function queueFor(kind: string, reconcile: (key: ResourceKey) => Promise<number | void>): WorkQueue {
    return new WorkQueue({
      concurrency: CONCURRENCY,
      handle: async (text) => {
        const startedAt = performance.now()
        const took = (): number => (performance.now() - startedAt) / 1000
        try {
          const again = await reconcile(keyFrom(text))
          metrics.reconciled(kind, 'done', took())
          return again ?? undefined
        } catch (error) {
          metrics.reconciled(kind, 'failed', took())
          throw error
        }
      },
      onError: (key, error, retryMs) => log.warn({ kind, key, reason: messageOf(error), retryMs: Math.round(retryMs) }, 'reconcile failed, it is tried again'),
    })
  }

  /** A change leads to a reconcile of whom it concerns. */
  function onChange(object: KubernetesObject): void {
    const { kind, metadata } = object
    const namespace = metadata.namespace ?? ''
    if (kind === 'ExAppDaemon') daemons.add(keyText(keyOf(object)))
    if (kind === 'DockerEngine') engines.add(keyText(keyOf(object)))
    for (const owner of metadata.ownerReferences ?? []) {
      if (owner.kind === 'ExAppDaemon') daemons.add(keyText({ namespace, name: owner.name }))
      if (owner.kind === 'DockerEngine') engines.add(keyText({ namespace, name: owner.name }))
    }
    // What carries a daemon's label without belonging to it: pods belong to their ReplicaSet, issued Secrets to nobody.
    const instance = kind === 'Pod' || kind === 'Secret' ? metadata.labels?.['app.kubernetes.io/instance'] : undefined
    if (instance !== undefined) daemons.add(keyText({ namespace, name: instance }))
  }

  function watch(type: ResourceType): void {
    const labelSelector = isOurs(type) ? undefined : type.kind === 'Pod' ? podSelector : managedSelector
    watches.set(
      type.kind,
      new ObjectWatch(
        { type, namespace: deps.watchNamespace, labelSelector },
        {
          api,
          cluster,
          onChange: (object) => ready && onChange(object),
          onError: (error) => {
            metrics.watchError(type.kind)
            log.warn({ kind: type.kind, reason: messageOf(error) }, 'watch ended, it is begun again')
          },
        },
      ),
    )
  }

  // Before all first lists are here, what is absent from a store may well exist.
  let ready = false
  for (const name of always) watch(resources[name])
  for (const name of optional) if (await cluster.serves(resources[name])) watch(resources[name])
  void Promise.all([...watches.values()].map((each) => each.listed)).then(() => {
    ready = true
    for (const object of [...(storeOf(resources.exAppDaemon)?.all() ?? []), ...(storeOf(resources.dockerEngine)?.all() ?? [])]) onChange(object)
  })

  const queueOf = (kind: string): WorkQueue => (kind === 'ExAppDaemon' ? daemons : engines)
  return {
    queued: (kind) => queueOf(kind).depth,
    failing: (kind) => queueOf(kind).failing,
    get isWatching() {
      return [...watches.values()].every((each) => each.isWatching)
    },
    close: async () => {
      await Promise.all([...watches.values()].map((each) => each.close()))
      await Promise.all([daemons.close(), engines.close()])
    },
  }
}

const podSelector = `app.kubernetes.io/name=${selectorLabels('')['app.kubernetes.io/name']}`

const isOurs = ({ apiVersion }: ResourceType): boolean => apiVersion.startsWith('harpoon.dev/')

function keyFrom(text: string): ResourceKey {
  const slash = text.indexOf('/')
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}

/** The daemon that an engine belongs to; read leniently, since its own reconcile says what is wrong with a spec. */
function daemonOf(engine: KubernetesObject): string | undefined {
  const spec = engine['spec']
  if (typeof spec !== 'object' || spec === null || !('daemonRef' in spec)) return undefined
  const { daemonRef } = spec
  return typeof daemonRef === 'object' && daemonRef !== null && 'name' in daemonRef && typeof daemonRef.name === 'string' ? daemonRef.name : undefined
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')
