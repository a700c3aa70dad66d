import { exAppDaemonSpec } from '../../crds/exappdaemon.ts'
import { resources } from '../cluster/resources.ts'
import type { DaemonView } from './observe.ts'

/** A daemon named `main` in the namespace `nextcloud` as it was just made, with the fields of its spec that are given. */
export function daemonView(spec: object = {}, view: Partial<DaemonView> = {}): DaemonView {
  const { apiVersion, kind } = resources.exAppDaemon
  return {
    object: { apiVersion, kind, metadata: { name: 'main', namespace: 'nextcloud', uid: 'uid', generation: 1 } },
    name: 'main',
    namespace: 'nextcloud',
    spec: exAppDaemonSpec.parse({ nextcloud: { url: 'https://cloud.example.org' }, ...spec }),
    status: {},
    givenKey: undefined,
    keysInUse: {},
    authority: { entries: {}, rotation: '' },
    frpFiles: {},
    issued: { server: {}, client: {} },
    httpsSecret: undefined,
    nextcloudIngress: undefined,
    enginePorts: [],
    deployment: undefined,
    frpService: undefined,
    pods: [],
    installed: { httpRoute: true, certificate: true, serviceMonitor: true },
    ...view,
  }
}
