import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Api } from '../cluster/api.ts'
import { type Cluster, toObject } from '../cluster/cluster.ts'
import { ApiGarbage, ApiRefusal, isGone } from '../cluster/errors.ts'
import { collectionPath, keyOf, keyText, type KubernetesObject, type ResourceKey, type ResourceType } from '../cluster/resources.ts'
import { backoff } from './backoff.ts'

/** How long one watch lives; the API server would choose 30 to 60 minutes, and then an expired token is noticed late. */
const WATCH_SECONDS = 290

/** The API server sends a bookmark about each minute; a link that is silent for longer is dead. */
const SILENCE_LIMIT_MS = 150_000

/** One event of a watch: an object whole. Secrets and our resources are below 3 MiB (etcd's limit is 1.5 MiB). */
const MAX_LINE_BYTES = 4 * 1024 * 1024

/** From one try to the next while the API server is away. */
const retry = backoff({ firstMs: 200, longestMs: 10_000 })

const eventSchema = z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']), object: z.looseObject({}) })
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) })
const errorSchema = z.object({ code: z.number().default(500), reason: z.string().default('Unknown'), message: z.string().default('') })

export interface WatchDeps {
  readonly api: Api
  readonly cluster: Cluster
  /** Called for each object that was added, changed or deleted, after the store has it. */
  readonly onChange: (object: KubernetesObject) => void
  /** What ended a watch; it goes on by itself. */
  readonly onError: (error: unknown) => void
}

export interface WatchOptions {
  readonly type: ResourceType
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
}

/**
 * The objects of one kind as they are now: a list, then a watch, and a new list whenever the watch has lost its place.
 * What the list no longer has was deleted meanwhile and is told as such.
 */
export class ObjectWatch {
  readonly #options: WatchOptions
  readonly #deps: WatchDeps
  readonly #objects = new Map<string, KubernetesObject>()
  readonly #stop = new AbortController()
  readonly #listed = Promise.withResolvers<void>()
  readonly #ended: Promise<void>
  #watching = false

  constructor(options: WatchOptions, deps: WatchDeps) {
    this.#options = options
    this.#deps = deps
    this.#ended = this.#run()
  }

  /** Fulfilled once the first list is here: before it, an absent object means nothing. */
  get listed(): Promise<void> {
    return this.#listed.promise
  }

  /** Whether changes are being followed right now. */
  get isWatching(): boolean {
    return this.#watching
  }

  get(key: ResourceKey): KubernetesObject | undefined {
    return this.#objects.get(keyText(key))
  }

  all(): readonly KubernetesObject[] {
    return [...this.#objects.values()]
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let resourceVersion: string | undefined
    for (let failures = 0; !signal.aborted; ) {
      try {
        resourceVersion ??= await this.#list()
        resourceVersion = await this.#follow(resourceVersion)
        failures = 0
      } catch (error) {
        if (signal.aborted) break
        // Anything but a lost connection may mean that events were missed.
        if (isGone(error) || error instanceof ApiGarbage || error instanceof z.ZodError) resourceVersion = undefined
        this.#deps.onError(error)
        failures += 1
        await delay(retry(failures), undefined, { signal }).catch(() => {}) // aborted: the loop ends
      } finally {
        this.#watching = false
      }
    }
  }

  async #list(): Promise<string> {
    const { type, namespace, labelSelector } = this.#options
    const { items, resourceVersion } = await this.#deps.cluster.list(type, { namespace, labelSelector, signal: this.#stop.signal })
    const gone = new Map(this.#objects)
    for (const item of items) {
      gone.delete(keyText(keyOf(item)))
      this.#put(item)
    }
    for (const object of gone.values()) this.#remove(object)
    this.#listed.resolve()
    return resourceVersion
  }

  /** Follows changes until the API server ends the watch, and gives the version to go on from. */
  async #follow(from: string): Promise<string> {
    const { type, namespace, labelSelector } = this.#options
    const silence = new AbortController()
    const heard = setTimeout(() => silence.abort(new Error(`no word for ${SILENCE_LIMIT_MS / 1000} s`)), SILENCE_LIMIT_MS)
    let resourceVersion = from
    try {
      const lines = await this.#deps.api.stream({
        method: 'GET',
        path: collectionPath(type, namespace),
        query: { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(WATCH_SECONDS), resourceVersion, labelSelector },
        signal: AbortSignal.any([this.#stop.signal, silence.signal]),
      })
      this.#watching = true
      for await (const line of linesOf(lines)) {
        heard.refresh()
        resourceVersion = this.#take(line)
      }
      return resourceVersion
    } catch (error) {
      // What came before the link broke is in the store: go on from there instead of listing everything again.
      if (!isGone(error) && resourceVersion !== from && !(error instanceof ApiGarbage) && !(error instanceof z.ZodError)) return resourceVersion
      throw error
    } finally {
      clearTimeout(heard)
    }
  }

  /** Takes one event and gives the version it brought the store to. */
  #take(line: string): string {
    const { type, object } = eventSchema.parse(JSON.parse(line))
    if (type === 'ERROR') {
      const { code, reason, message } = errorSchema.parse(object)
      throw new ApiRefusal({ status: code, reason, message: message || 'the watch ended with an error' })
    }
    const { resourceVersion } = bookmarkSchema.parse(object).metadata
    if (type === 'BOOKMARK') return resourceVersion
    const changed = toObject(object)
    if (type === 'DELETED') this.#remove(changed)
    else this.#put(changed)
    return resourceVersion
  }

  #put(object: KubernetesObject): void {
    const key = keyText(keyOf(object))
    if (this.#objects.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion) return
    this.#objects.set(key, object)
    this.#deps.onChange(object)
  }

  #remove(object: KubernetesObject): void {
    this.#objects.delete(keyText(keyOf(object)))
    this.#deps.onChange(object)
  }
}

/** Lines of a stream of bytes. A line that never ends is no answer of an API server. */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    rest += decoder.decode(bytes, { stream: true })
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield rest.slice(0, end)
      rest = rest.slice(end + 1)
    }
    if (rest.length > MAX_LINE_BYTES) throw new ApiGarbage(`an event of a watch is larger than ${MAX_LINE_BYTES} bytes`)
  }
}
