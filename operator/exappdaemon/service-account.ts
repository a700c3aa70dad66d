import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames } from './names.ts'

/** The data plane's own account: it may do nothing, and no token of it is mounted. */
export const serviceAccount = (daemon: DaemonIdentity): KubernetesObject => ({
  ...child(resources.serviceAccount, daemon, { name: childNames(daemon.name).serviceAccount }),
  automountServiceAccountToken: false,
})
