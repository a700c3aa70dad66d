import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KubeConfig } from '@kubernetes/client-node'
import { vi } from 'vitest'
import { Api } from '../../../operator/cluster/api.ts'
import { Cluster } from '../../../operator/cluster/cluster.ts'
import { type KubernetesObject, type ResourceType } from '../../../operator/cluster/resources.ts'
import { definitionFile, kinds } from '../../../crds/generate.ts'
import { describeWithPeer, type Peer } from '../describe-with-peer.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

/** How long the operator may take for something; it took about a second. */
const SETTLE_TIMEOUT_MS = 60_000

/** A control plane that knows our kinds. */
export interface TestCluster extends ControlPlane {
  readonly cluster: Cluster
  /** A namespace that nothing else uses. */
  readonly createNamespace: () => Promise<string>
  /** `kubectl apply` of objects. */
  readonly apply: (...objects: readonly object[]) => Promise<string>
  /** Waits until `probe` gives something, and gives that; what it throws counts as nothing yet. */
  readonly eventually: <T>(what: string, probe: () => Promise<T | undefined | false>, timeoutMs?: number) => Promise<T>
  /** The object, waited for, once it fulfils the condition. */
  readonly whenObject: (type: ResourceType, key: { namespace: string; name: string }, holds?: (object: KubernetesObject) => boolean) => Promise<KubernetesObject>
}

/** Starts a control plane with our definitions installed. */
export async function startTestCluster(): Promise<TestCluster> {
  const plane = await startControlPlane()
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-objects-'))
  const config = new KubeConfig()
  config.loadFromFile(plane.kubeConfig)
  const cluster = new Cluster(new Api(config))
  await plane.kubectl('apply', ...kinds.flatMap((kind) => ['-f', definitionFile(kind)]))
  await plane.kubectl('wait', '--for=condition=Established', 'crd', '--all')
  const eventually: TestCluster['eventually'] = async (what, probe, timeoutMs = SETTLE_TIMEOUT_MS) => {
    let last: unknown
    for (const giveUpAt = performance.now() + timeoutMs; performance.now() < giveUpAt; await delay(100)) {
      try {
        const value = await probe()
        if (value !== undefined && value !== false) return value
      } catch (error) {
        last = error
      }
    }
    throw new Error(`waited in vain for: ${what}`, { cause: last })
  }
  return {
    ...plane,
    cluster,
    eventually,
    createNamespace: async () => {
      const name = `test-${randomBytes(4).toString('hex')}`
      await plane.kubectl('create', 'namespace', name)
      return name
    },
    apply: async (...objects) => {
      const file = path.join(folder, `${randomBytes(6).toString('hex')}.json`)
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
      return plane.kubectl('apply', '-f', file)
    },
    whenObject: (type, key, holds = () => true) =>
      eventually(`${type.kind} ${key.name}`, async () => {
        const object = await cluster.read(type, key)
        return object && holds(object) ? object : undefined
      }),
    stop: async () => {
      await plane.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A suite with a control plane of its own. */
export const describeWithCluster = (title: string, body: (cluster: Peer<TestCluster>) => void): void =>
  describeWithPeer(title, { name: 'Kubernetes', ensure: startTestCluster, stop: (cluster) => cluster.stop() }, (cluster) => {
    vi.setConfig({ testTimeout: 120_000 }) // `eventually` says what was waited for, which vitest's own limit does not
    body(cluster)
  })

/** An ExAppDaemon as an admin writes the smallest one. */
export const exAppDaemonObject = (namespace: string, name: string, spec: object = {}, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'harpoon.dev/v1alpha1',
  kind: 'ExAppDaemon',
  metadata: { name, namespace, annotations },
  spec: { nextcloud: { url: 'https://cloud.example.org' }, ...spec },
})

/** A DockerEngine of that daemon. */
export const dockerEngineObject = (namespace: string, name: string, daemon: string, spec: object = {}): object => ({
  apiVersion: 'harpoon.dev/v1alpha1',
  kind: 'DockerEngine',
  metadata: { name, namespace },
  spec: { daemonRef: { name: daemon }, ...spec },
})

/** The condition of that type of an object, as `status reason: message`. */
export function conditionOf(object: KubernetesObject, type: string): string | undefined {
  const status = object['status'] as { conditions?: readonly { type: string; status: string; reason: string; message: string }[] } | undefined
  const found = status?.conditions?.find((condition) => condition.type === type)
  return found && `${found.status} ${found.reason}: ${found.message}`
}
