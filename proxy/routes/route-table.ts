import { LRUCache } from 'lru-cache'
import { RE2JS } from 're2js'
import { InvalidPatternError, UnsupportedPatternError } from './errors.ts'
import { translatePattern } from './python-pattern.ts'

/** 0 public, 1 user, 2 admin (AppAPI contract §8.1). */
export type AccessLevel = 0 | 1 | 2

export interface Route {
  /** A pattern of Python's `re`, matched as `re.match` does: from the start, not to the end. */
  readonly url: string
  readonly accessLevel: AccessLevel
  /** Upstream statuses that count as a failure of the client. */
  readonly bruteforceStatuses: readonly number[]
}

/** What the table says about one path for a caller of one level. */
export type RouteVerdict =
  | { readonly kind: 'allowed'; readonly route: Route }
  | { readonly kind: 'denied'; readonly route: Route }
  | { readonly kind: 'unrouted' }

export interface RouteProblem {
  readonly url: string
  readonly reason: string
  /** `skipped`: the route does not exist for us; `refusing`: it is taken to match for everybody whom it would refuse. */
  readonly effect: 'skipped' | 'refusing'
}

/** Longer ones are refused before they are parsed: compiling costs time and memory in proportion. */
const maxPatternLength = 4096

/** First hits remembered per ExApp, so that a path that is asked again costs no matching. */
const maxRememberedPaths = 256

/** Longer paths are matched anew each time: a visitor must not fill the memory with keys of his own. */
const maxRememberedPathLength = 256

type Matcher = (path: string) => 'match' | 'no match' | 'unknown'

/** The routes of one ExApp, compiled once. The first hit decides (HaRP contract §3.8). */
export class RouteTable {
  readonly problems: readonly RouteProblem[]
  readonly #entries: readonly { readonly route: Route; readonly matches: Matcher }[]
  readonly #candidates = new LRUCache<string, readonly Candidate[]>({ max: maxRememberedPaths })

  constructor(routes: readonly Route[]) {
    const compiled = routes.map((route) => ({ route, ...compile(route.url) }))
    this.problems = compiled.flatMap(({ problem }) => (problem ? [problem] : []))
    this.#entries = compiled.filter(({ problem }) => problem?.effect !== 'skipped')
  }

  decide(path: string, level: AccessLevel): RouteVerdict {
    for (const { route, certain } of this.#candidatesFor(path)) {
      const sufficient = level >= route.accessLevel
      if (certain) return { kind: sufficient ? 'allowed' : 'denied', route }
      // Whether it matches cannot be known. Whoever it would refuse is refused; for the others a later route decides.
      if (!sufficient) return { kind: 'denied', route }
    }
    return { kind: 'unrouted' }
  }

  /** The routes that count for a path in their order: what may match, up to the first that does. */
  #candidatesFor(path: string): readonly Candidate[] {
    const remembered = this.#candidates.get(path)
    if (remembered) return remembered
    const candidates: Candidate[] = []
    for (const { route, matches } of this.#entries) {
      const answer = matches(path)
      if (answer !== 'no match') candidates.push({ route, certain: answer === 'match' })
      if (answer === 'match') break
    }
    if (path.length <= maxRememberedPathLength) this.#candidates.set(path, candidates)
    return candidates
  }
}

interface Candidate {
  readonly route: Route
  readonly certain: boolean
}

function compile(url: string): { matches: Matcher; problem?: RouteProblem } {
  try {
    if (url.length > maxPatternLength) throw new UnsupportedPatternError(`longer than ${maxPatternLength} characters`)
    const translated = translatePattern(url)
    const pattern = compileLinear(`^(?:${translated})`)
    return { matches: (path) => (pattern.test(path) ? 'match' : 'no match') }
  } catch (error) {
    if (error instanceof InvalidPatternError) {
      return { matches: () => 'no match', problem: { url, reason: error.message, effect: 'skipped' } }
    }
    if (error instanceof UnsupportedPatternError) {
      return { matches: () => 'unknown', problem: { url, reason: error.message, effect: 'refusing' } }
    }
    throw error
  }
}

function compileLinear(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    throw new UnsupportedPatternError('too large or not expressible for linear-time matching', { cause: error })
  }
}
