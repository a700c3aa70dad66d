import { DockerPathError } from '../request/errors.ts'

declare const allowed: unique symbol // not exported: only this file can make a DockerCall

/** A raw Docker API call that AppAPI may make through us. */
export interface DockerCall {
  readonly [allowed]: true
  /** The API version as written in the path (`1.44`); empty when there is none. */
  readonly version: string
  /** The path after the version prefix, byte for byte. */
  readonly path: string
  /** Whether it only asks if the engine lives: that deserves an answer at once. */
  readonly isPing: boolean
  /** Whether it brings an image to the engine. */
  readonly isPull: boolean
}

interface Rule {
  readonly methods: ReadonlySet<string>
  readonly pattern: RegExp
}

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const version = '(?:/v[0-9.]+)?'
const ownContainer = '/containers/nc_app_[a-z0-9_.-]+'

const pull: Rule = { methods: new Set(['POST']), pattern: new RegExp(`^${version}/images/create`, 'i') }
const ping: Rule = { methods: reading, pattern: new RegExp(`^${version}/_ping$`, 'i') }

/** HaRP's allow-list (contract §3.7), matched on the path decoded once, without case; only `_ping` has to end there. */
const rules: readonly Rule[] = [
  ping,
  { methods: reading, pattern: new RegExp(`^${version}/images/.*/json`, 'i') },
  { methods: reading, pattern: new RegExp(`^${version}${ownContainer}/json`, 'i') },
  { methods: reading, pattern: new RegExp(`^${version}${ownContainer}/logs`, 'i') },
  pull,
]

/**
 * `.` and `..` segments, what a second decoding would change, and control characters: an engine may read such a path in
 * another way.
 */
const ambiguous = /(?:^|\/)\.{1,2}(?:\/|$)|%|\p{Cc}/u

/** Throws `DockerPathError` for everything that the list does not name. */
export function allowDockerCall(method: string, path: string): DockerCall {
  const decoded = decodeOnce(path)
  const isClear = decoded !== undefined && !ambiguous.test(decoded)
  const rule = isClear ? rules.find(({ methods, pattern }) => methods.has(method) && pattern.test(decoded)) : undefined
  if (!rule) {
    throw new DockerPathError(
      'this Docker API call is not allowed; allowed: GET _ping, images/…/json, containers/nc_app_…/json and …/logs, POST images/create',
    )
  }
  const [, prefix = '', rest = path] = /^\/v([0-9.]+)(\/.*)$/i.exec(path) ?? []
  return { version: prefix, path: rest, isPing: rule === ping, isPull: rule === pull } as DockerCall
}

function decodeOnce(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined // not an encoding that the engine would read either
  }
}
