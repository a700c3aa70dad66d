import { DockerPathError } from '../request/errors.ts'

declare const allowed: unique symbol // not exported: only this file can make a DockerCall

/** A raw Docker API call that AppAPI may make through us. */
export interface DockerCall {
  readonly [allowed]: true
  /** The version prefix as written (`v1.44`), without slash; empty when there is none. */
  readonly version: string
  /** The path after the version prefix, byte for byte. */
  readonly path: string
}

interface Rule {
  readonly methods: ReadonlySet<string>
  readonly pattern: RegExp
}

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const version = '(?:/v[0-9.]+)?'
const ownContainer = '/containers/nc_app_[a-z0-9_.-]+'

/** HaRP's allow-list (contract §3.7), matched on the path decoded once, without case. */
const rules: readonly Rule[] = [
  { methods: reading, pattern: new RegExp(`^${version}/_ping$`, 'i') },
  { methods: reading, pattern: new RegExp(`^${version}/images/.*/json`, 'i') },
  { methods: reading, pattern: new RegExp(`^${version}${ownContainer}/json`, 'i') },
  { methods: reading, pattern: new RegExp(`^${version}${ownContainer}/logs`, 'i') },
  { methods: new Set(['POST']), pattern: new RegExp(`^${version}/images/create`, 'i') },
]

/** Throws `DockerPathError` for everything that the list does not name. */
export function allowDockerCall(method: string, path: string): DockerCall {
  const decoded = decodeOnce(path)
  // The engine decodes and cleans the path once more: what it will call must be what was looked at here.
  if (decoded === undefined || /(?:^|\/)\.{1,2}(?:\/|$)|%/.test(decoded) || !rules.some((rule) => rule.methods.has(method) && rule.pattern.test(decoded))) {
    throw new DockerPathError(`${method} of this Docker API path is not allowed; allowed: _ping, images/…/json, images/create, containers/nc_app_…/json and …/logs`)
  }
  const [, prefix = '', rest = path] = /^\/(v[0-9.]+)?(?=\/)(.*)$/i.exec(path) ?? []
  return { version: prefix, path: prefix === '' ? path : rest } as DockerCall
}

function decodeOnce(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined // not an encoding that the engine would read either
  }
}
