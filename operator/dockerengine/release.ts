import type { ObjectStore } from '../cluster/children.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type KubernetesObject, resources, type ResourceType } from '../cluster/resources.ts'
import { dockerEngineSpec } from '../../crds/dockerengine.ts'
import { releasePort } from './ledger.ts'

/** Keeps an engine's object until its port is free and its credentials are worth nothing. */
export const FINALIZER = 'harpoon.dev/engine'

/** Puts our finalizer on the object, before anything is made for it. */
export async function hold(engine: KubernetesObject, cluster: Cluster): Promise<void> {
  await cluster.replace({ ...engine, metadata: { ...engine.metadata, finalizers: [...(engine.metadata.finalizers ?? []), FINALIZER] } })
}

/**
 * Takes the engine off the daemon's list, which ends its tunnel and makes its token worthless, and lets its object go.
 * Nothing here waits for the data plane: a deletion must not hang on one that is gone.
 */
export async function release(engine: KubernetesObject, { cluster, storeOf }: { readonly cluster: Cluster; readonly storeOf: (type: ResourceType) => ObjectStore | undefined }): Promise<void> {
  const { namespace = '', uid = '', finalizers = [] } = engine.metadata
  if (!finalizers.includes(FINALIZER)) return
  const spec = dockerEngineSpec.safeParse(engine['spec'])
  const daemon = spec.success ? storeOf(resources.exAppDaemon)?.get({ namespace, name: spec.data.daemonRef.name }) : undefined
  if (daemon) await releasePort(daemon, uid, cluster)
  await cluster.replace({ ...engine, metadata: { ...engine.metadata, finalizers: finalizers.filter((finalizer) => finalizer !== FINALIZER) } })
}
