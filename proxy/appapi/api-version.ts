/** What a Docker Engine speaks, from its `/version`. */
export interface ApiVersions {
  readonly newest: string
  readonly oldest: string
}

/** The version to ask an engine for: what AppAPI wants, bounded to what the engine offers, so that an upgrade on either side breaks nothing. */
export function boundApiVersion(wanted: string, offered: ApiVersions): string {
  const number = wanted.replace(/^v/i, '')
  if (!/^\d+\.\d+$/.test(number)) return offered.newest
  if (compare(number, offered.newest) > 0) return offered.newest
  return compare(number, offered.oldest) < 0 ? offered.oldest : number
}

function compare(one: string, other: string): number {
  const [oneMajor = 0, oneMinor = 0] = one.split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number)
  return oneMajor - otherMajor || oneMinor - otherMinor
}
