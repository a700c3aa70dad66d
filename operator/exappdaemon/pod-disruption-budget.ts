import { type KubernetesObject, resources } from '../cluster/resources.ts'
import { child, type DaemonIdentity } from './child.ts'
import { childNames, selectorLabels } from './names.ts'

/** One pod may be away at a time: with a single pod a budget that forbids this would block every drain of its node for ever. */
export const podDisruptionBudget = (daemon: DaemonIdentity): KubernetesObject => ({
  ...child(resources.podDisruptionBudget, daemon, { name: childNames(daemon.name).podDisruptionBudget }),
  spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(daemon.name) } },
})
