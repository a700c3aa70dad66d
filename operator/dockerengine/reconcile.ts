import type { Children } from '../cluster/children.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { recordTransitions } from '../cluster/events.ts'
import { type KubernetesObject, type ResourceKey, resources } from '../cluster/resources.ts'
import { isSame } from '../cluster/same.ts'
import { certificate, type IssuerRef } from '../exappdaemon/cert-manager.ts'
import type { DaemonView } from '../exappdaemon/observe.ts'
import { engineCredentials, type EngineTls, issuedName, nextEngineTls } from './credentials.ts'
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

/** Makes the Secret for the engine's host, as soon as all that stands in it is known. */
async function issue(engine: KubernetesObject, view: EngineView, { assignment, deps }: { assignment: Assignment | undefined; deps: ReconcileEngineDeps }): Promise<void> {
  const { spec, sharedKey, address, daemonView } = view
  if (!assignment || !('isNew' in assignment) || sharedKey === undefined || !address || 'missing' in address || !daemonView) return
  const { enabled, issuerRef } = daemonView.spec.frp.tls
  if (issuerRef) await deps.children.apply(engine, [engineCertificate(view, daemonView, issuerRef)])
  const tls = enabled ? await tlsOf(view, deps.now()) : undefined
  if (enabled && !tls) return
  await deps.children.apply(engine, [engineCredentials(view, { spec, port: assignment.port, sharedKey, endpoint: address.endpoint, tls })])
}

/** The engine's certificate: from our CA, or what the issuer has issued. */
async function tlsOf(view: EngineView, now: Date): Promise<EngineTls | undefined> {
  if (view.authority) return nextEngineTls(view, view.authority, view.credentials, now)
  const { 'tls.crt': certPem, 'tls.key': keyPem } = view.issued
  const ca = view.daemonView?.frpFiles['ca.crt']
  return certPem && keyPem && ca ? { ca, certPem, keyPem } : undefined
}

const engineCertificate = ({ name }: EngineView, daemon: DaemonView, issuerRef: IssuerRef): KubernetesObject =>
  certificate(daemon, { name: issuedName(name), issuerRef, commonName: name, names: [], usage: 'client auth' })
