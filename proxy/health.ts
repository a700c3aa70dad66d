/** One thing that has to work for the data plane to be of use. */
export interface Check {
  readonly name: string
  /** What is wrong and what to do about it; `undefined` when nothing is. */
  readonly problem: () => string | undefined
  /** Whether traffic should stay away while it lasts. Nextcloud being down is no reason: another replica would not help. */
  readonly gating: boolean
}

export interface HealthReport {
  readonly ready: boolean
  /** A line per check, for people: `[+]` works, `[-]` keeps traffic away, `[!]` worth knowing. */
  readonly text: string
}

/** What is not ready and why. */
export function reportHealth(checks: readonly Check[]): HealthReport {
  const results = checks.map((check) => ({ ...check, problem: check.problem() }))
  const lines = results.map(({ name, gating, problem }) => (problem === undefined ? `[+] ${name}` : `[${gating ? '-' : '!'}] ${name}: ${problem}`))
  const ready = !results.some(({ gating, problem }) => gating && problem !== undefined)
  return { ready, text: `${[...lines, ready ? 'ready' : 'not ready'].join('\n')}\n` }
}

/** A certificate that has expired: clients refuse it, the rest goes on. */
export const expiryCheck = (name: string, notAfter: () => Date | undefined, now: () => number): Check => ({
  name,
  gating: false,
  problem: () => {
    const end = notAfter()
    return end === undefined || end.getTime() > now() ? undefined : `expired on ${end.toISOString()}`
  },
})
