import type { Condition } from '../../crds/fields.ts'

/** A judgement, before it is known since when it holds. */
export interface Judgement {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** One word, for programs. */
  readonly reason: string
  /** For people: what is wrong and what to do about it. */
  readonly message: string
}

/** Conditions from judgements: the time stays where the status stayed. Types that are not judged any more disappear. */
export function mergeConditions(
  before: readonly Condition[],
  judgements: readonly Judgement[],
  { now, generation }: { readonly now: Date; readonly generation: number | undefined },
): readonly Condition[] {
  return judgements.map((judgement) => {
    const old = before.find(({ type }) => type === judgement.type)
    const lastTransitionTime = old?.status === judgement.status ? old.lastTransitionTime : secondsOnly(now)
    return { ...judgement, lastTransitionTime, ...(generation !== undefined && { observedGeneration: generation }) }
  })
}

/** Conditions whose status changed, each of which is worth an Event. */
export const transitions = (before: readonly Condition[], after: readonly Condition[]): readonly Condition[] =>
  after.filter(({ type, status }) => before.find((old) => old.type === type)?.status !== status)

/** Kubernetes keeps times of conditions in whole seconds. */
export const secondsOnly = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z')
