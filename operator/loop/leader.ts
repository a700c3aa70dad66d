import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Cluster } from '../cluster/cluster.ts'
import { isConflict } from '../cluster/errors.ts'
import { type KubernetesObject, type ResourceKey, resources } from '../cluster/resources.ts'

/** A leader that has not renewed for so long is taken to be dead. */
const LEASE_SECONDS = 9
/** How often the leader renews, and the others look. */
const ROUND_MS = 2000
/** A leader that could not renew for so long stops by itself, before another may begin: clocks and calls take their time. */
const GIVE_UP_MS = 6000

const leaseSchema = z.looseObject({
  spec: z
    .looseObject({
      holderIdentity: z.string().default(''),
      leaseTransitions: z.number().default(0),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
    })
    .default({ holderIdentity: '', leaseTransitions: 0 }),
})

/** The API server did not answer in time; somebody else may lead by now. */
export class LeaseNotRenewed extends Error {
  override readonly name = 'LeaseNotRenewed'
  override readonly message = 'the lease could not be renewed in time'
}

export interface LeaderDeps {
  readonly cluster: Cluster
  readonly lease: ResourceKey
  /** Unlike any other process's, also of one that ran in the same pod before. */
  readonly identity: string
  /** Wall clock, only written down; what counts is `uptime`. */
  readonly now: () => Date
  /** Milliseconds that only go forward. Leases of others are timed by when we saw them change: clocks of nodes differ. */
  readonly uptime: () => number
  /** Begins to lead; what it gives stops leading, and is awaited before the lease is let go. */
  readonly lead: () => Promise<{ close(): Promise<void> }>
  readonly onError: (error: unknown) => void
}

/** Takes part in the election; `close` stops leading and lets the lease go, so that another can begin at once. */
export class LeaderElection {
  readonly #deps: LeaderDeps
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #leading: { close(): Promise<void> } | undefined
  #seen: { readonly version: string | undefined; readonly at: number } | undefined
  #renewedAt = 0

  constructor(deps: LeaderDeps) {
    this.#deps = deps
    this.#ended = this.#run()
  }

  get isLeading(): boolean {
    return this.#leading !== undefined
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const holds = await this.#round()
      if (holds && !this.#leading) this.#leading = await this.#deps.lead()
      if (!holds && this.#leading) await this.#stopLeading()
      await delay(ROUND_MS, undefined, { signal }).catch(() => {}) // aborted: the loop ends
    }
    if (!this.#leading) return
    await this.#stopLeading()
    await this.#release().catch(this.#deps.onError) // then the others wait until it has run out
  }

  async #stopLeading(): Promise<void> {
    const leading = this.#leading
    this.#leading = undefined
    await leading?.close()
  }

  /** One try to take or keep the lease; whether it is ours. */
  async #round(): Promise<boolean> {
    const startedAt = this.#deps.uptime()
    const waited = new AbortController()
    try {
      // A call that hangs must not let us lead beyond our time.
      const tooLate = delay(Math.max(0, GIVE_UP_MS - (this.isLeading ? startedAt - this.#renewedAt : 0)), undefined, { signal: waited.signal })
      const isOurs = await Promise.race([this.#takeOrKeep(), tooLate.then(() => Promise.reject(new LeaseNotRenewed()))])
      if (isOurs) this.#renewedAt = startedAt
      return isOurs
    } catch (error) {
      if (!isConflict(error)) this.#deps.onError(error)
      return this.isLeading && !isConflict(error) && this.#deps.uptime() - this.#renewedAt < GIVE_UP_MS
    } finally {
      waited.abort()
    }
  }

  async #takeOrKeep(): Promise<boolean> {
    const { cluster, lease: key, identity, uptime } = this.#deps
    const lease = await cluster.read(resources.lease, key)
    if (!lease) {
      await cluster.create(this.#written({ apiVersion: resources.lease.apiVersion, kind: resources.lease.kind, metadata: key }, 0))
      return true
    }
    const { spec } = leaseSchema.parse(lease)
    if (spec.holderIdentity === identity) {
      await cluster.replace(this.#written(lease, spec.leaseTransitions, spec.acquireTime))
      return true
    }
    if (spec.holderIdentity !== '' && uptime() - this.#unchangedSince(lease) < LEASE_SECONDS * 1000) return false
    await cluster.replace(this.#written(lease, spec.leaseTransitions + 1))
    return true
  }

  /** When we saw the lease in this version first. */
  #unchangedSince({ metadata: { resourceVersion: version } }: KubernetesObject): number {
    if (!this.#seen || this.#seen.version !== version) this.#seen = { version, at: this.#deps.uptime() }
    return this.#seen.at
  }

  async #release(): Promise<void> {
    const { cluster, lease: key, identity } = this.#deps
    const lease = await cluster.read(resources.lease, key)
    if (!lease || leaseSchema.parse(lease).spec.holderIdentity !== identity) return
    const { spec } = leaseSchema.parse(lease)
    await cluster.replace({ ...lease, spec: { ...spec, holderIdentity: '' } })
  }

  #written(lease: KubernetesObject, leaseTransitions: number, acquireTime?: string): KubernetesObject {
    const now = microTime(this.#deps.now())
    const spec = { holderIdentity: this.#deps.identity, leaseDurationSeconds: LEASE_SECONDS, leaseTransitions, acquireTime: acquireTime ?? now, renewTime: now }
    return { ...lease, spec }
  }
}

/** The form in which Kubernetes writes times of leases: six digits of a second. */
const microTime = (time: Date): string => time.toISOString().replace(/Z$/, '000Z')
