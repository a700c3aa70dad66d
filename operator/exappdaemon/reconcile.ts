import type { Children } from '../cluster/children.ts'
import { recordTransitions } from '../cluster/events.ts'
import { isRefusal } from '../cluster/errors.ts'
import { type ResourceKey, resources } from '../cluster/resources.ts'
import { isSame } from '../cluster/same.ts'
import { nextCredentials } from './credentials.ts'
import { childTypes, desiredObjects, type OperatorFacts } from './desired.ts'
import { type DaemonView, observe, type ObserveDeps } from './observe.ts'
import { statusOf } from './status.ts'

export interface ReconcileDeps extends ObserveDeps {
  readonly children: Children
  readonly operator: OperatorFacts
  readonly now: () => Date
  readonly onView: (key: ResourceKey, view: DaemonView | undefined) => void
}

/** While a daemon lives: the state of its tunnels is only known by asking. */
const RECHECK_MS = 5000

/** What the API server refuses is mended by an admin, not by trying often. */
const REFUSED_RECHECK_MS = 15_000

/** One reconcile of one ExAppDaemon; gives the milliseconds until the next one. Kubernetes deletes the children of one that is gone. */
export async function reconcileExAppDaemon(key: ResourceKey, deps: ReconcileDeps): Promise<number | undefined> {
  const { cluster, children, operator, now, onView, storeOf } = deps
  const daemon = storeOf(resources.exAppDaemon)?.get(key)
  if (!daemon || daemon.metadata.deletionTimestamp) {
    children.forget(key)
    onView(key, undefined)
    return undefined
  }
  const before = await observe(daemon, deps)
  const credentials = await nextCredentials(before, now())
  const wanted = desiredObjects(before, credentials, operator)
  const refusal = await children.apply(daemon, wanted).then(
    () => undefined,
    (error: unknown) => (isRefusal(error) ? error : Promise.reject(error)),
  )
  if (!refusal) await children.prune(daemon, wanted, childTypes)

  const view = await observe(daemon, deps) // again: judge what is, not what was sent
  const status = statusOf({ view, credentials, refusal: refusal?.message, now: now() })
  if (!isSame(view.status, status)) {
    await cluster.writeStatus(daemon, status)
    await recordTransitions(daemon, { before: view.status.conditions, after: status.conditions }, { cluster, now, instance: operator.instance })
  }
  onView(key, view)
  return refusal ? REFUSED_RECHECK_MS : RECHECK_MS
}
