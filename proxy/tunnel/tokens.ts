import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Who logged in: the token in frpc's `metadatas.token` says it. */
export type TunnelIdentity =
  | { readonly kind: 'shared' }
  | { readonly kind: 'exapp'; readonly appId: string }
  | { readonly kind: 'engine'; readonly engineName: string; readonly remotePort: number; readonly generation: string }

/** What a client asks for with NewProxy. */
export interface TunnelClaim {
  readonly proxyName: string
  readonly remotePort: number
}

// App ids and Kubernetes names both fit; nothing in a token needs quoting in TOML, in a shell or in an HTTP header.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const EXAPP_TOKEN = /^harpoon:exapp:([^:]+):([A-Za-z0-9_-]{43})$/
const ENGINE_TOKEN = /^harpoon:engine:([^:]+):([1-9][0-9]{0,4})(?::([^:]+))?:([A-Za-z0-9_-]{43})$/
const GENERATION = /^[A-Za-z0-9_-]{1,64}$/

/** Whether a token can be made for this app id or engine. */
export const isTokenName = (name: string): boolean => NAME.test(name)

/** Whether an engine's tokens can be of this generation. */
export const isTokenGeneration = (generation: string): boolean => GENERATION.test(generation)

/** The token that opens one ExApp's own tunnel and nothing else. @throws RangeError when the app id has other letters */
export function exAppToken(sharedKey: string, appId: string): string {
  requireName(appId)
  return `harpoon:exapp:${appId}:${signature(sharedKey, { kind: 'exapp', appId })}`
}

/**
 * The token that opens one Docker Engine's own tunnel and nothing else. A generation makes it one of several for the same name
 * and port, of which the list of engines says which is valid. @throws RangeError on a name or generation of other letters
 */
export function engineToken(sharedKey: string, engineName: string, remotePort: number, generation = ''): string {
  requireName(engineName)
  if (generation !== '' && !isTokenGeneration(generation)) throw new RangeError(`a tunnel token cannot be of the generation ${JSON.stringify(generation)}`)
  const named = ['harpoon:engine', engineName, remotePort, ...(generation === '' ? [] : [generation])]
  return [...named, signature(sharedKey, { kind: 'engine', engineName, remotePort, generation })].join(':')
}

/**
 * Whose token this is; undefined when it is nobody's. Every key is tried, current and previous alike,
 * and every comparison takes the same time whatever the token is.
 */
export function identify(
  token: string,
  sharedKeys: readonly string[],
  { allowSharedKey }: { readonly allowSharedKey: boolean },
): TunnelIdentity | undefined {
  const keys = sharedKeys.filter((key) => key !== '') // an empty key would make the empty token a right one
  const isShared = keys.map((key) => isSameSecret(token, key)).includes(true)
  if (isShared) return allowSharedKey ? { kind: 'shared' } : undefined
  const named = readName(token)
  if (!named) return undefined
  const isGenuine = keys.map((key) => isSameSecret(named.signature, signature(key, named.identity))).includes(true)
  return isGenuine ? named.identity : undefined
}

/** Why this identity may not have that name and port, in words for the admin who reads frpc's log; undefined if it may. */
export function mayClaim(identity: TunnelIdentity, { proxyName, remotePort }: TunnelClaim): string | undefined {
  if (identity.kind === 'shared') return undefined
  if (identity.kind === 'exapp') {
    if (proxyName === identity.appId) return undefined
    return `the token of ExApp [${identity.appId}] opens only the proxy [${identity.appId}], not [${proxyName}]`
  }
  if (proxyName === identity.engineName && remotePort === identity.remotePort) return undefined
  return (
    `the token of Docker Engine [${identity.engineName}] opens only the proxy [${identity.engineName}] ` +
    `on remotePort ${identity.remotePort}, not [${proxyName}] on ${remotePort}`
  )
}

/** Whether two sessions belong to the same owner, so that one may take the other's place. */
export function isSameIdentity(one: TunnelIdentity, other: TunnelIdentity): boolean {
  return signedText(one) === signedText(other)
}

function readName(token: string): { identity: TunnelIdentity; signature: string } | undefined {
  const [, appId, appSignature] = EXAPP_TOKEN.exec(token) ?? []
  if (appId && appSignature && NAME.test(appId)) return { identity: { kind: 'exapp', appId }, signature: appSignature }
  const [, engineName, port, generation = '', engineSignature] = ENGINE_TOKEN.exec(token) ?? []
  if (!engineName || !port || !engineSignature || !NAME.test(engineName)) return undefined
  if (generation !== '' && !isTokenGeneration(generation)) return undefined
  return { identity: { kind: 'engine', engineName, remotePort: Number(port), generation }, signature: engineSignature }
}

function requireName(name: string): void {
  if (!NAME.test(name)) throw new RangeError(`a tunnel token cannot be made for the name ${JSON.stringify(name)}`)
}

/** HMAC-SHA256 of kind and name. The first line keeps it apart from anything else ever signed with the shared key. */
function signature(sharedKey: string, identity: TunnelIdentity): string {
  return createHmac('sha256', sharedKey).update(`harpoon tunnel token, version 1\n${signedText(identity)}`).digest('base64url')
}

function signedText(identity: TunnelIdentity): string {
  if (identity.kind === 'shared') return 'shared'
  if (identity.kind === 'exapp') return `exapp\n${identity.appId}`
  const { engineName, remotePort, generation } = identity
  return ['engine', engineName, remotePort, ...(generation === '' ? [] : [generation])].join('\n')
}

/** Hashed first, so that neither the length nor the first different byte can be timed. */
function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())
}
