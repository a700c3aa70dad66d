import { z } from 'zod'
import type { Api } from './api.ts'
import { isConflict, isNotFound } from './errors.ts'
import { collectionPath, type KubernetesObject, objectPath, type ResourceKey, type ResourceType, typeOf } from './resources.ts'

/** Who we are among the managers of an object's fields (server-side apply). */
export const FIELD_MANAGER = 'harpoon'

/** Objects of one page of a list: bounds the memory that one answer takes on both sides. */
const PAGE_SIZE = 500

const objectSchema = z.looseObject({
  apiVersion: z.string().default(''),
  kind: z.string().default(''),
  metadata: z.looseObject({ name: z.string() }),
})

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(objectSchema),
})

/** A list and the moment it holds for, from which a watch goes on. */
export interface ObjectList {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
}

/** The objects of the cluster. Everything throws the errors of `Api.call`. */
export class Cluster {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** One object; `undefined` when it is not there. */
  async read(type: ResourceType, key: ResourceKey): Promise<KubernetesObject | undefined> {
    try {
      return toObject(await this.#api.call({ method: 'GET', path: objectPath(type, key) }))
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** All objects of a kind, page by page. */
  async list(type: ResourceType, { namespace, labelSelector, signal }: ListOptions = {}): Promise<ObjectList> {
    const items: KubernetesObject[] = []
    let next: string | undefined
    for (;;) {
      const query = { limit: String(PAGE_SIZE), labelSelector, continue: next }
      const answer = await this.#api.call({ method: 'GET', path: collectionPath(type, namespace), query, ...(signal && { signal }) })
      const page = listSchema.parse(answer)
      // Items of a list name neither their kind nor its version.
      items.push(...page.items.map((item) => toObject({ ...item, apiVersion: type.apiVersion, kind: type.kind })))
      next = page.metadata.continue || undefined
      if (next === undefined) return { items, resourceVersion: page.metadata.resourceVersion }
    }
  }

  /** Makes the object what it should be, as the owner of the fields that are set in it (server-side apply). */
  async apply(object: KubernetesObject): Promise<KubernetesObject> {
    return toObject(
      await this.#api.call({
        method: 'PATCH',
        path: pathOf(object),
        query: { fieldManager: FIELD_MANAGER, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: object,
      }),
    )
  }

  /** Sets whole fields, lists and all: what server-side apply cannot where an entry's key was changed. */
  async merge(object: KubernetesObject, fields: object): Promise<void> {
    await this.#api.call({
      method: 'PATCH',
      path: pathOf(object),
      query: { fieldManager: FIELD_MANAGER },
      contentType: 'application/merge-patch+json',
      body: fields,
    })
  }

  /** Makes a new object; refused with a conflict when there is one of that name. */
  async create(object: KubernetesObject): Promise<KubernetesObject> {
    const path = collectionPath(typeOf(object), object.metadata.namespace)
    return toObject(await this.#api.call({ method: 'POST', path, query: { fieldManager: FIELD_MANAGER }, body: object }))
  }

  /** Replaces an object; with a `resourceVersion` in it only when nobody has written since that was read. */
  async replace(object: KubernetesObject): Promise<KubernetesObject> {
    return toObject(await this.#api.call({ method: 'PUT', path: pathOf(object), query: { fieldManager: FIELD_MANAGER }, body: object }))
  }

  /** Replaces an object's status, only when nobody has written since it was read. */
  async writeStatus(object: KubernetesObject, status: unknown): Promise<KubernetesObject> {
    const path = `${pathOf(object)}/status`
    return toObject(await this.#api.call({ method: 'PUT', path, query: { fieldManager: FIELD_MANAGER }, body: { ...object, status } }))
  }

  /** Deletes an object, in the background what it owns. Nothing happens when it is gone, or is another one of that name by now. */
  async delete(object: KubernetesObject): Promise<void> {
    const { uid } = object.metadata
    const body = { propagationPolicy: 'Background', ...(uid !== undefined && { preconditions: { uid } }) }
    try {
      await this.#api.call({ method: 'DELETE', path: pathOf(object), body })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }

  /** Whether the API server knows a kind, as it does once its definition is installed. */
  async serves({ apiVersion, plural }: ResourceType): Promise<boolean> {
    try {
      const list = z.object({ resources: z.array(z.object({ name: z.string() })) }).parse(await this.#api.call({ method: 'GET', path: `/apis/${apiVersion}` }))
      return list.resources.some(({ name }) => name === plural)
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }
}

export interface ListOptions {
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly signal?: AbortSignal
}

const pathOf = (object: KubernetesObject): string =>
  objectPath(typeOf(object), { namespace: object.metadata.namespace ?? '', name: object.metadata.name })

/** An object of the API, checked for what every object has. */
export const toObject = (answer: unknown): KubernetesObject => objectSchema.parse(answer)
