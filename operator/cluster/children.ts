import type { Cluster } from './cluster.ts'
import { isInvalid, NameTaken } from './errors.ts'
import { asApplied, differs, isOwnedBy, wasApplied } from './ownership.ts'
import { keyOf, keyText, type KubernetesObject, type ResourceKey, type ResourceType, typeOf } from './resources.ts'

/** The objects of one kind that we made, as a watch keeps them. */
export interface ObjectStore {
  get(key: ResourceKey): KubernetesObject | undefined
  all(): readonly KubernetesObject[]
}

export interface ChildrenDeps {
  readonly cluster: Cluster
  /** What is there of a kind; `undefined` for kinds that the API server does not know. */
  readonly storeOf: (type: ResourceType) => ObjectStore | undefined
}

/** Keeps the children of resources as they should be, with no write while they are. */
export class Children {
  readonly #deps: ChildrenDeps
  /** What our last write of an object led to: the API server may spell values otherwise than we do, such as quantities. */
  readonly #written = new Map<string, { readonly hash: string; readonly resourceVersion: string | undefined }>()

  constructor(deps: ChildrenDeps) {
    this.#deps = deps
  }

  /** Applies those of the wanted objects that are not as they should be; true when something had to be written. */
  async apply(owner: KubernetesObject, wanted: readonly KubernetesObject[]): Promise<boolean> {
    let wrote = false
    for (const child of wanted) {
      const store = this.#deps.storeOf(typeOf(child))
      if (!store) continue // a kind that is not installed: `statusOf` says so where it matters
      const object = asApplied(child, owner)
      const actual = store.get(keyOf(object)) ?? (await this.#deps.cluster.read(typeOf(object), keyOf(object)))
      if (actual && !isOwnedBy(actual, owner)) throw new NameTaken(object, owner)
      if (actual && !this.#hasToBeWritten(object, actual)) continue
      const written = await this.#write(object, actual)
      this.#written.set(nameOf(object), { hash: JSON.stringify(object), resourceVersion: written.metadata.resourceVersion })
      wrote = true
    }
    return wrote
  }

  /** Deletes what belongs to the owner and is not wanted any more, of the kinds that the owner may have. */
  async prune(owner: KubernetesObject, wanted: readonly KubernetesObject[], types: readonly ResourceType[]): Promise<void> {
    const kept = new Set(wanted.map(nameOf))
    for (const type of types) {
      for (const object of this.#deps.storeOf(type)?.all() ?? []) {
        if (!isOwnedBy(object, owner) || !wasApplied(object) || kept.has(nameOf(object)) || object.metadata.deletionTimestamp) continue
        await this.#deps.cluster.delete(object)
        this.#written.delete(nameOf(object))
      }
    }
  }

  /** Forgets what was written for an owner that is gone. */
  forget({ namespace, name }: ResourceKey): void {
    for (const key of this.#written.keys()) if (key.includes(` ${namespace}/${name}`)) this.#written.delete(key)
  }

  async #write(object: KubernetesObject, actual: KubernetesObject | undefined): Promise<KubernetesObject> {
    const { cluster } = this.#deps
    try {
      return await cluster.apply(object)
    } catch (error) {
      // Somebody changed the key of a list's entry, such as a Service's port: applying ours beside it is refused.
      if (!actual || !isInvalid(error)) throw error
      await cluster.merge(object, { spec: object['spec'] })
      return cluster.apply(object)
    }
  }

  #hasToBeWritten(object: KubernetesObject, actual: KubernetesObject): boolean {
    const last = this.#written.get(nameOf(object))
    if (last && last.resourceVersion === actual.metadata.resourceVersion && last.hash === JSON.stringify(object)) return false
    return differs(object, actual)
  }
}

const nameOf = (object: KubernetesObject): string => `${object.apiVersion} ${object.kind} ${keyText(keyOf(object))}`
