/** What a Docker Engine speaks, from its `/version`. */
export interface ApiVersions {
  readonly newest: string
  readonly oldest: string
  /** The engine's own, such as `28.3.2`; only for people to read. */
  readonly engine?: string | undefined
}

/** Docker's notation of an API version, such as `1.44`. */
export const apiVersionPattern = /^[1-9]\d{0,3}\.(?:0|[1-9]\d{0,3})$/

/**
 * The version to ask an engine for: what AppAPI wants, bounded to what the engine offers, so that an upgrade on either side
 * breaks nothing. Anything that is no version (`1.2.3`, `..`) becomes the newest.
 */
export function boundApiVersion(wanted: string, offered: ApiVersions): string {
  if (!apiVersionPattern.test(wanted) || compare(wanted, offered.newest) > 0) return offered.newest
  return compare(wanted, offered.oldest) < 0 ? offered.oldest : wanted
}

function compare(one: string, other: string): number {
  const [oneMajor = 0, oneMinor = 0] = one.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return oneMajor - otherMajor || oneMinor - otherMinor
}
