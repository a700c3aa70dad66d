import type { Permit } from './authorize.ts'
import type { FlatHeaders } from './head.ts'

/** Belong to one connection, not to the message (RFC 9110 §7.6.1). Our own connection upstream has its own. */
const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

/** Secrets and addresses of the daemon; HaRP forwards them (Q4). `expect` is answered by us. */
const neverForwarded: ReadonlySet<string> = new Set(['harp-shared-key', 'ex-app-host', 'ex-app-port', 'docker-engine-port', 'expect'])

/** What we set ourselves; a client's own value would be believed by the ExApp. */
const stamped: ReadonlySet<string> = new Set(['ex-app-id', 'ex-app-version', 'authorization-app-api', 'aa-version'])

/** `base64("app_api_haproxy_user:")`: AppAPI's leftover Basic header, which holds the shared key (AppAPI contract §2.1). */
const daemonBasicAuth = 'Basic YXBwX2FwaV9oYXByb3h5X3VzZXI6'

/** Upstream of an ExApp: what the client sent, less what is ours, plus who asks (HaRP contract §3.9). */
export function headersForExApp(rawHeaders: readonly string[], permit: Permit, writtenAppId: string): FlatHeaders {
  const headers = passedOn(rawHeaders, (name) => stamped.has(name))
  // AppAPI's own version is not for ExApps to check; HaRP always says 32 (AppAPI contract §10).
  headers.push('ex-app-id', writtenAppId, 'ex-app-version', permit.exApp.version, 'authorization-app-api', permit.authorization, 'aa-version', '32')
  return headers
}

/** Upstream of a Docker Engine: no credentials at all, the engine asks for none. */
export const headersForEngine = (rawHeaders: readonly string[]): FlatHeaders =>
  passedOn(rawHeaders, (name) => name === 'authorization' || name === 'cookie' || stamped.has(name))

/** Upstream of Nextcloud behind the front: what the client sent, and where it really came from. */
export function headersForNextcloud(rawHeaders: readonly string[], from: { peer: string; protocol: string; host: string | undefined; forwardedFor: string | undefined }): FlatHeaders {
  const headers = passedOn(rawHeaders, (name) => forwarding.has(name))
  headers.push('x-forwarded-for', from.forwardedFor === undefined ? from.peer : `${from.forwardedFor}, ${from.peer}`, 'x-forwarded-proto', from.protocol)
  if (from.host !== undefined) headers.push('x-forwarded-host', from.host)
  return headers
}

const forwarding: ReadonlySet<string> = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded'])

/** A response as it came, less what belongs to the upstream connection. Names and values arrive as latin1 bytes. */
export function responseHeaders(raw: readonly (Buffer | string)[]): FlatHeaders {
  const flat = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  return passedOn(flat, () => false)
}

/** Fields that a message has to have from its beginning: behind its body they would be believed by whoever puts the two together (RFC 9110 §6.5.1). */
const noTrailers: ReadonlySet<string> = new Set(
  ['host', 'content-length', 'content-type', 'content-encoding', 'content-range', 'authorization', 'cookie', 'cache-control', 'max-forwards', 'range']
    .concat('if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', ...stamped, ...forwarding),
)

/** What a request has behind its body, less what has no place there. */
export const requestTrailers = (rawTrailers: readonly string[]): FlatHeaders =>
  rawTrailers.length === 0 ? [] : passedOn(rawTrailers, (name) => noTrailers.has(name))

function passedOn(rawHeaders: readonly string[], dropped: (name: string) => boolean): FlatHeaders {
  const named = connectionNames(rawHeaders)
  const headers: FlatHeaders = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    const lower = name.toLowerCase()
    if (hopByHop.has(lower) || neverForwarded.has(lower) || dropped(lower) || named?.has(lower)) continue
    if (lower === 'authorization' && value.startsWith(daemonBasicAuth)) continue
    headers.push(name, value)
  }
  return headers
}

/** Headers that the sender's Connection header names are for the next hop only. Almost always there are none. */
function connectionNames(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if ((rawHeaders[index] ?? '').length !== 'connection'.length || rawHeaders[index]?.toLowerCase() !== 'connection') continue
    for (const token of (rawHeaders[index + 1] ?? '').toLowerCase().split(',').map((item) => item.trim())) {
      // A client must not talk us into dropping what the message itself needs.
      if (token !== '' && token !== 'close' && token !== 'keep-alive' && !endToEnd.has(token)) (names ??= new Set()).add(token)
    }
  }
  return names
}

const endToEnd: ReadonlySet<string> = new Set(['host', 'content-length', 'content-type', 'content-encoding'])
