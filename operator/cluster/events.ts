import { randomBytes } from 'node:crypto'
import type { Condition } from '../../crds/fields.ts'
import type { Cluster } from './cluster.ts'
import { transitions } from './conditions.ts'
import { type KubernetesObject, resources } from './resources.ts'

/** The Event API's own limits. */
const MAX_NOTE_LENGTH = 1024
const MAX_REASON_LENGTH = 128

export interface EventDeps {
  readonly cluster: Cluster
  readonly now: () => Date
  /** Which operator says it. */
  readonly instance: string
}

/** An Event for each condition whose status changed. */
export async function recordTransitions(
  about: KubernetesObject,
  { before = [], after = [] }: { readonly before?: readonly Condition[] | undefined; readonly after?: readonly Condition[] | undefined },
  deps: EventDeps,
): Promise<void> {
  for (const { type, status, reason, message } of transitions(before, after)) {
    await recordEvent(about, { type: status === 'True' ? 'Normal' : 'Warning', reason, action: type, note: `${type} is ${status}: ${message}` }, deps)
  }
}

interface Recorded {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
}

/** `kubectl describe` shows it. */
async function recordEvent(
  about: KubernetesObject,
  { type, reason, action, note }: Recorded,
  { cluster, now, instance }: EventDeps,
): Promise<void> {
  const { apiVersion, kind, metadata: { name, namespace = 'default', uid, resourceVersion } } = about
  await cluster.create({
    apiVersion: resources.event.apiVersion,
    kind: resources.event.kind,
    metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
    eventTime: now().toISOString().replace(/Z$/, '000Z'),
    reportingController: 'harpoon.dev/operator',
    reportingInstance: instance.slice(0, 128),
    action,
    type,
    reason: reason.slice(0, MAX_REASON_LENGTH),
    note: note.slice(0, MAX_NOTE_LENGTH),
    regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
  })
}
