import type { Container } from './inspect.ts'

/** What AppAPI is told (HaRP contract §6.4.2); `health` is null where there is no health check. */
export interface StartReport {
  readonly started: boolean
  readonly status: string
  readonly health?: string | null
  readonly reason?: string
}

export type StartVerdict =
  | { readonly kind: 'known'; readonly report: StartReport }
  /** It runs and has no health check: known once it has lasted. */
  | { readonly kind: 'running'; readonly report: StartReport }
  /** It will not start any more: why, is for its log to tell. */
  | { readonly kind: 'ended'; readonly report: StartReport }
  | { readonly kind: 'undecided'; readonly report: StartReport }

/** No health check: Podman and some engines say so with a word or an empty one (Q26). */
const noHealthCheck: ReadonlySet<string> = new Set(['', 'none'])

const ended: ReadonlySet<string> = new Set(['paused', 'exited', 'dead'])

/** Judges one look at a container. */
export function judgeStart({ State: { Status: status, Health } }: Container): StartVerdict {
  const word = Health?.Status ?? ''
  const health = noHealthCheck.has(word) ? null : word
  const seen = { started: false, status, health }
  if (ended.has(status)) return { kind: 'ended', report: { ...seen, reason: `non-recoverable state: ${status}` } }
  if (status !== 'running') return { kind: 'undecided', report: seen }
  switch (health) {
    case null:
      return { kind: 'running', report: { ...seen, started: true } }
    case 'healthy':
      return { kind: 'known', report: { ...seen, started: true } }
    case 'unhealthy':
      return { kind: 'known', report: { ...seen, started: true, reason: 'unhealthy' } }
    default:
      return { kind: 'undecided', report: seen }
  }
}
