import type { EngineState } from '../../proxy/status.ts'
import { type DockerEngineSpec, dockerEngineSpec, type DockerEngineStatus, dockerEngineStatus } from '../../crds/dockerengine.ts'
import type { ObjectStore } from '../cluster/children.ts'
import { type KubernetesObject, type ResourceKey, resources, type ResourceType } from '../cluster/resources.ts'
import { secretEntries } from '../cluster/secret.ts'
import { type TunnelAddress, tunnelAddress } from '../exappdaemon/addresses.ts'
import { keyEntries } from '../exappdaemon/config.ts'
import { type FrpAuthority, readAuthority } from '../exappdaemon/frp-authority.ts'
import type { DaemonView } from '../exappdaemon/observe.ts'
import { credentialsName, type EngineIdentity, issuedName } from './credentials.ts'

/** All that one reconcile of an engine reads. */
export interface EngineView extends EngineIdentity {
  readonly object: KubernetesObject
  readonly spec: DockerEngineSpec
  readonly status: DockerEngineStatus
  /** The daemon's object; `undefined` when there is none of that name. */
  readonly daemon: KubernetesObject | undefined
  /** What the daemon's last reconcile has seen; `undefined` before the first one. */
  readonly daemonView: DaemonView | undefined
  readonly sharedKey: string | undefined
  /** Our own CA, where no issuer is named. */
  readonly authority: FrpAuthority | undefined
  readonly address: TunnelAddress | undefined
  readonly credentials: Readonly<Record<string, string>>
  /** What cert-manager has issued for it. */
  readonly issued: Readonly<Record<string, string>>
  /** Its tunnel, as the data plane sees it. */
  readonly tunnel: EngineState | undefined
  /** Ports that other engines ask for by number, whether they have them already or not. */
  readonly reserved: ReadonlySet<number>
}

export interface ObserveEngineDeps {
  readonly storeOf: (type: ResourceType) => ObjectStore | undefined
  readonly daemonView: (key: ResourceKey) => DaemonView | undefined
}

/** Gathers what is there; everything comes from watches. */
export function observeEngine(object: KubernetesObject, { storeOf, daemonView }: ObserveEngineDeps): EngineView {
  const { name, namespace = '', uid = '' } = object.metadata
  const spec = dockerEngineSpec.parse(object['spec'])
  const daemonKey = { namespace, name: spec.daemonRef.name }
  const daemon = storeOf(resources.exAppDaemon)?.get(daemonKey)
  const view = daemon && daemonView(daemonKey)
  return {
    object,
    name,
    namespace,
    uid,
    spec,
    status: dockerEngineStatus.catch({}).parse(object['status'] ?? {}),
    daemon,
    daemonView: view,
    sharedKey: view?.keysInUse[keyEntries.current],
    authority: view && !view.spec.frp.tls.issuerRef ? readAuthority(view.authority.entries) : undefined,
    address: view && tunnelAddress(view),
    credentials: secretEntries(storeOf(resources.secret)?.get({ namespace, name: credentialsName(name) })),
    issued: secretEntries(storeOf(resources.secret)?.get({ namespace, name: issuedName(name) })),
    tunnel: view?.pods.flatMap(({ report }) => report?.engines ?? []).find((engine) => engine.name === name),
    reserved: reservedPorts(object, spec.daemonRef.name, storeOf(resources.dockerEngine)),
  }
}

function reservedPorts(own: KubernetesObject, daemon: string, engines: ObjectStore | undefined): ReadonlySet<number> {
  const others = (engines?.all() ?? []).filter(({ metadata }) => metadata.namespace === own.metadata.namespace && metadata.uid !== own.metadata.uid)
  return new Set(
    others.flatMap((other) => {
      const { success, data } = dockerEngineSpec.safeParse(other['spec'])
      return success && data.daemonRef.name === daemon && data.remotePort !== undefined ? [data.remotePort] : []
    }),
  )
}
