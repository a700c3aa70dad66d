import type { Children } from '../cluster/children.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { recordTransitions } from '../cluster/events.ts'
import { type KubernetesObject, type ResourceKey, resources } from '../cluster/resources.ts'
import { isSame } from '../cluster/same.ts'
import { engineCredentials } from './credentials.ts'
import { claimPort } from './ledger.ts'
import { type EngineView, observeEngine, type ObserveEngineDeps } from './observe.ts'
import type { Assignment } from './ports.ts'
import { FINALIZER, hold, release } from './release.ts'
import { engineStatusOf } from './status.ts'

export interface ReconcileEngineDeps extends ObserveEngineDeps {
  readonly cluster: Cluster
  readonly children: Children
  readonly instance: string
  readonly now: () => Date
}

/** One reconcile of one DockerEngine. It comes again when its daemon was reconciled, so no time is asked for. */
export async function reconcileDockerEngine(key: ResourceKey, deps: ReconcileEngineDeps): Promise<void> {
  const { cluster, children, now, storeOf, instance } = deps
  const engine = storeOf(resources.dockerEngine)?.get(key)
  if (!engine) {
    children.forget(key)
    return
  }
  if (engine.metadata.deletionTimestamp) {
    await release(engine, deps)
    return
  }
  if (!engine.metadata.finalizers?.includes(FINALIZER)) {
    await hold(engine, cluster) // its change brings us back
    return
  }

  const before = observeEngine(engine, deps)
  const assignment = await assign(before, cluster)
  await issue(engine, before, { assignment, deps })

  const view = observeEngine(engine, deps) // again: judge what is, not what was sent
  const status = engineStatusOf({ view, assignment, now: now() })
  if (isSame(view.status, status)) return
  await cluster.writeStatus(engine, status)
  await recordTransitions(engine, { before: view.status.conditions, after: status.conditions }, { cluster, now, instance })
}

async function assign({ daemon, name, uid, spec, status, reserved }: EngineView, cluster: Cluster): Promise<Assignment | undefined> {
  // A ledger that somebody deleted is made again from what the engines know.
  return daemon && claimPort(daemon, { name, uid }, { port: status.remotePort ?? spec.remotePort, reserved }, cluster)
}

async function issue(engine: KubernetesObject, view: EngineView, { assignment, deps }: { assignment: Assignment | undefined; deps: ReconcileEngineDeps }): Promise<void> {
  const { spec, sharedKey, address, authority, daemonView } = view
  if (!assignment || !('isNew' in assignment) || sharedKey === undefined || !address || 'missing' in address) return
  if (daemonView?.spec.frp.tls.enabled && !authority) return
  const access = { spec, port: assignment.port, sharedKey, endpoint: address.endpoint, authority: daemonView?.spec.frp.tls.enabled ? authority : undefined }
  await deps.children.apply(engine, [await engineCredentials(view, access, view.credentials, deps.now())])
}
