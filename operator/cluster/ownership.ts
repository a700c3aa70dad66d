import { createHash } from 'node:crypto'
import type { KubernetesObject, OwnerReference } from './resources.ts'

/** Labels that every object we make carries, by which it is found again. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'harpoon-operator' } as const

/** The selector of all objects that we made. */
export const managedSelector = Object.entries(MANAGED_BY).map(([name, value]) => `${name}=${value}`).join(',')

/** What was applied last, as a hash: an object that lost a field of ours has to be applied although all we want is in it. */
const APPLIED = 'harpoon.dev/applied'

/** The reference that makes Kubernetes delete a child with its owner. @throws TypeError for an owner that was never written */
export function ownedBy(owner: KubernetesObject): OwnerReference {
  const { apiVersion, kind, metadata: { name, uid } } = owner
  if (uid === undefined) throw new TypeError(`${kind} ${name} has no uid yet`)
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

export const isOwnedBy = (child: KubernetesObject, owner: KubernetesObject): boolean =>
  child.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) ?? false

/** A child as it is applied: with its owner, our labels, and the hash of all that. */
export function asApplied(child: KubernetesObject, owner: KubernetesObject): KubernetesObject {
  const { metadata } = child
  const owned = {
    ...child,
    metadata: { ...metadata, labels: { ...metadata.labels, ...MANAGED_BY }, ownerReferences: [ownedBy(owner)] },
  }
  const hash = createHash('sha256').update(JSON.stringify(owned)).digest('base64url').slice(0, 22)
  return { ...owned, metadata: { ...owned.metadata, annotations: { ...metadata.annotations, [APPLIED]: hash } } }
}

/** Whether an object was made by `asApplied`; what is written in other ways, such as the ledger of ports, is not pruned. */
export const wasApplied = ({ metadata }: KubernetesObject): boolean => metadata.annotations?.[APPLIED] !== undefined

/** Whether an object that is there has to be applied again: it was applied otherwise, or somebody changed what is ours in it. */
export const differs = (wanted: KubernetesObject, actual: KubernetesObject): boolean =>
  wanted.metadata.annotations?.[APPLIED] !== actual.metadata.annotations?.[APPLIED] || !contains(actual, wanted)

/** Whether all that is in `part` is in `whole` too; what the API server added does not matter. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(whole) && whole.length === part.length && part.every((item, index) => contains(whole[index], item))
  }
  if (typeof part === 'object' && part !== null) {
    if (typeof whole !== 'object' || whole === null) return false
    const fields = new Map(Object.entries(whole))
    return Object.entries(part).every(([name, value]) => value === undefined || contains(fields.get(name), value))
  }
  return Object.is(whole, part)
}
