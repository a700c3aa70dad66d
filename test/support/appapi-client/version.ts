/** Releases that differ for a daemon (AppAPI contract §12). */
export const appApiVersions = ['32.0.0', '32.0.9', '33.0.3', '34.0.3', '35.0.0'] as const

export type AppApiVersion = (typeof appApiVersions)[number]

/** What a release does its own way. */
export interface Behaviour {
  /** Before every raw Docker path. */
  readonly dockerApi: string
  readonly sendsResourceLimits: boolean
  /** Asks `/info` before it trusts a daemon. */
  readonly checksDaemonVersion: boolean
}

export function behaviourOf(version: AppApiVersion): Behaviour {
  const major = Number(version.split('.')[0])
  return {
    dockerApi: version === '32.0.0' ? 'v1.41' : 'v1.44',
    sendsResourceLimits: major >= 33,
    checksDaemonVersion: major >= 33,
  }
}
