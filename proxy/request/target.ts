/** Where a request wants to go, read from its request target byte for byte: nothing is decoded, nothing normalised (HaRP contract §3.6). */
export type Target =
  | { readonly kind: 'exapp'; readonly appId: string; readonly path: string; readonly query: string }
  | { readonly kind: 'control'; readonly path: string; readonly query: string }
  /** Not ours: the front passes it to Nextcloud, whatever it contains. */
  | { readonly kind: 'elsewhere'; readonly climbs: boolean }
  /** Below `/exapps`, but without an app id. */
  | { readonly kind: 'nameless' }
  /** A dot-dot segment, in any spelling that some server decodes once. */
  | { readonly kind: 'climbing' }
  /** Not a request target that could be passed on unchanged. */
  | { readonly kind: 'malformed' }

/** The app id that stands for the control API and the Docker Engines. */
const controlId = 'app_api'
const prefix = '/exapps/'

const climbing = /(?:^|\/|%2f)(?:\.|%2e)(?:\.|%2e)(?:\/|%2f|$)/i
// `#` is never sent by a client that knows HTTP; bytes outside ASCII reach the next parser in another encoding than ours.
// oxlint-disable-next-line no-control-regex
const unforwardable = /[^\x21-\x7e]|#/

/** Reads a request target in origin form; absolute form has to be reduced by `originForm` before. */
export function readTarget(url: string): Target {
  if (!url.startsWith('/') || unforwardable.test(url)) return { kind: 'malformed' }
  const queryAt = url.indexOf('?')
  const path = queryAt < 0 ? url : url.slice(0, queryAt)
  // Without these two characters there is nothing to find; most paths are spared the search.
  const climbs = (path.includes('.') || path.includes('%')) && climbing.test(path)
  if (!path.startsWith(prefix) && path !== '/exapps') return { kind: 'elsewhere', climbs }
  if (climbs) return { kind: 'climbing' }
  const idEnd = path.indexOf('/', prefix.length)
  const appId = path.slice(prefix.length, idEnd < 0 ? undefined : idEnd)
  if (appId === '') return { kind: 'nameless' }
  const rest = { path: idEnd < 0 ? '' : path.slice(idEnd), query: queryAt < 0 ? '' : url.slice(queryAt) }
  return appId === controlId ? { kind: 'control', ...rest } : { kind: 'exapp', appId, ...rest }
}

/**
 * Reduces an absolute-form request target (RFC 9112 §3.2.2) to origin form. `undefined` when its authority is not the one
 * that the Host header names: two servers could then disagree about whom the request is for.
 */
export function originForm(url: string, host: string | undefined): string | undefined {
  if (url.startsWith('/')) return url
  const parts = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url)
  if (!parts) return undefined
  const [, authority = '', rest = ''] = parts
  if (authority.toLowerCase() !== host?.toLowerCase()) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** What goes upstream: an ExApp that is asked for without a slash is asked for its root (an empty path is no request, Q7). */
export const upstreamPath = (target: { readonly path: string; readonly query: string }): string =>
  (target.path === '' ? '/' : target.path) + target.query
