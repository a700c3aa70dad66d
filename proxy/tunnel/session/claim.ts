import type { NewProxy } from '../protocol/messages.ts'
import { parseBandwidth } from '../payload/bandwidth.ts'
import { ENGINE_PORTS, engineRefusal, type EngineList } from '../engine-list.ts'
import { mayClaim } from '../tokens.ts'
import type { TunnelIdentity } from '../tokens.ts'
import { askAssignedPort } from './assigned-port.ts'
import type { AssignedPortRules } from './assigned-port.ts'
import type { ProxySettings, TunnelSession } from './session.ts'
import { takeNameAndPort } from './takeover.ts'

/** Why a claim was refused, as counted in metrics. */
export type ClaimRefusal = 'unsupported' | 'name' | 'port' | 'one_per_client' | 'identity' | 'engine' | 'nextcloud' | 'taken'

/** A refused claim; `text` is what frpc prints. */
export interface RefusedClaim {
  readonly refusal: ClaimRefusal
  readonly text: string
}

export interface ClaimRules extends AssignedPortRules {
  readonly isPortReserved: (remotePort: number) => boolean
  /** The engines that may dial in, asked at each claim. */
  readonly engines: () => EngineList
}

const EXAPP_PORTS = { first: 23_000, last: 23_999 }
const OTHER_PROXY_TYPES: ReadonlySet<string> = new Set(['udp', 'http', 'https', 'tcpmux', 'stcp', 'xtcp', 'sudp'])

type Check = (proxy: NewProxy, session: TunnelSession, rules: ClaimRules) => RefusedClaim | undefined

/** What can be judged at once, in this order. Texts that frps has too are its own, to the letter. */
const checks: readonly Check[] = [
  typeIsTcp,
  nameIsUsable,
  settingsAreServed,
  isOnlyProxyOfItsClient,
  portIsAllowed,
  identityOwnsIt,
  engineIsListed,
]

/** Gives a client the name and port that it asks for, or says why not. A repeated claim of its own is no new one. */
export async function claim(proxy: NewProxy, session: TunnelSession, rules: ClaimRules): Promise<RefusedClaim | undefined> {
  if (isOwnAlready(proxy, session)) return undefined
  for (const check of checks) {
    const refused = check(proxy, session, rules)
    if (refused) return refused
  }
  const { identity } = session.facts
  // An engine is none of Nextcloud's apps, whatever its name.
  const assigned = identity.kind === 'engine' ? 'unknown' : await askAssignedPort(proxy.proxy_name, rules)
  const refused = nextcloudContradicts(proxy, identity, assigned)
  if (refused) return refused
  const text = await takeNameAndPort({ proxy: proxySettings(proxy), isConfirmed: assigned === proxy.remote_port }, session, rules)
  if (text !== undefined) return { refusal: 'taken', text }
  const struck = engineIsListed(proxy, session, rules) // the list may have changed while others were asked
  if (struck) session.unregister()
  return struck
}

function isOwnAlready({ proxy_name, proxy_type, remote_port }: NewProxy, { tunnel }: TunnelSession): boolean {
  return proxy_type === 'tcp' && tunnel?.proxyName === proxy_name && tunnel.remotePort === remote_port
}

function typeIsTcp({ proxy_type }: NewProxy): RefusedClaim | undefined {
  if (proxy_type === 'tcp') return undefined
  const isKnown = OTHER_PROXY_TYPES.has(proxy_type)
  const text = isKnown ? `proxy type [${proxy_type}] is not supported by this server` : `unknown proxy type: ${proxy_type}`
  return { refusal: 'unsupported', text }
}

function nameIsUsable({ proxy_name }: NewProxy): RefusedClaim | undefined {
  // It ends up in logs, metrics and terminals.
  if (/^[^\p{C}]+$/u.test(proxy_name)) return undefined
  return { refusal: 'name', text: 'the proxy name is empty or has control characters' }
}

function settingsAreServed(proxy: NewProxy): RefusedClaim | undefined {
  if (proxy.group !== '') return { refusal: 'unsupported', text: 'loadBalancer.group is not supported by this server: remove it from the proxy' }
  if (parseBandwidth(proxy.bandwidth_limit) !== undefined) return undefined
  return { refusal: 'unsupported', text: 'transport.bandwidthLimit is no number with KB or MB' }
}

function isOnlyProxyOfItsClient(_proxy: NewProxy, { tunnel }: TunnelSession): RefusedClaim | undefined {
  return tunnel && { refusal: 'one_per_client', text: 'exceed the max_ports_per_client' }
}

function portIsAllowed({ remote_port }: NewProxy, _session: TunnelSession, rules: ClaimRules): RefusedClaim | undefined {
  const isWithin = ({ first, last }: typeof EXAPP_PORTS | typeof ENGINE_PORTS) => remote_port >= first && remote_port <= last
  if (!isWithin(EXAPP_PORTS) && !isWithin(ENGINE_PORTS)) return { refusal: 'port', text: 'port not allowed' }
  if (!rules.isPortReserved(remote_port)) return undefined
  return { refusal: 'port', text: `port not allowed: this server uses ${remote_port} itself, for the Docker Engine beside it` }
}

function identityOwnsIt({ proxy_name, remote_port }: NewProxy, { facts }: TunnelSession): RefusedClaim | undefined {
  const text = mayClaim(facts.identity, { proxyName: proxy_name, remotePort: remote_port })
  return text === undefined ? undefined : { refusal: 'identity', text }
}

function engineIsListed({ proxy_name, remote_port }: NewProxy, { facts }: TunnelSession, rules: ClaimRules): RefusedClaim | undefined {
  const text = engineRefusal(rules.engines(), facts.identity, { proxyName: proxy_name, remotePort: remote_port })
  return text === undefined ? undefined : { refusal: 'engine', text }
}

/** An ExApp token needs Nextcloud's word; the shared key opens everything that Nextcloud does not give to somebody else. */
function nextcloudContradicts(
  { proxy_name, remote_port }: NewProxy,
  identity: TunnelIdentity,
  assigned: number | 'unknown' | 'unreachable',
): RefusedClaim | undefined {
  if (assigned === remote_port) return undefined
  if (typeof assigned === 'number') {
    const text = `Nextcloud assigned port ${assigned} to the ExApp [${proxy_name}], not ${remote_port}: set remotePort to ${assigned}`
    return { refusal: 'nextcloud', text }
  }
  if (identity.kind !== 'exapp') return undefined
  const text =
    assigned === 'unknown'
      ? `Nextcloud does not know the ExApp [${proxy_name}]`
      : `Nextcloud could not be asked which port the ExApp [${proxy_name}] has`
  return { refusal: 'nextcloud', text }
}

function proxySettings(proxy: NewProxy): ProxySettings {
  const isOurLimit = proxy.bandwidth_limit_mode === 'server' // the default is that the client keeps it
  return {
    proxyName: proxy.proxy_name,
    remotePort: proxy.remote_port,
    useEncryption: proxy.use_encryption,
    useCompression: proxy.use_compression,
    bytesPerSecond: isOurLimit ? (parseBandwidth(proxy.bandwidth_limit) ?? 0) : 0,
  }
}
