import type { RegisteredTunnel } from '../registry.ts'
import { askAssignedPort } from './assigned-port.ts'
import type { AssignedPortRules } from './assigned-port.ts'
import type { ProxySettings, TunnelSession } from './session.ts'

/** A claim that nothing speaks against but perhaps another holder. */
export interface GoodClaim {
  readonly proxy: ProxySettings
  /** Nextcloud assigned this very port to an ExApp of this very name. */
  readonly isConfirmed: boolean
}

/**
 * Gives a session a name and a port. A holder keeps them only while it answers, because a recreated container is not to wait
 * for its predecessor, and only against those who have no better right. Returns what frpc is to print when it stays.
 */
export async function takeNameAndPort(claim: GoodClaim, session: TunnelSession, rules: AssignedPortRules): Promise<string | undefined> {
  const { proxyName } = claim.proxy
  while (!session.isClosed) {
    const holder = session.register(claim.proxy)
    if (!holder) return undefined
    if (await hasBetterRight(claim, session, holder, rules)) {
      holder.evict(`[${proxyName}] has a better right to remote port ${claim.proxy.remotePort}`)
    } else if (await holder.isAlive()) {
      return holder.proxyName === proxyName ? `proxy [${proxyName}] already exists` : 'port already used'
    } else {
      holder.evict('it did not answer while another client claimed its tunnel')
    }
  }
  return 'the session has ended'
}

/** Whoever has the shared key can claim any name and port first, so coming first is no right of its own. */
async function hasBetterRight(
  { proxy, isConfirmed }: GoodClaim,
  { facts }: TunnelSession,
  holder: RegisteredTunnel,
  rules: AssignedPortRules,
): Promise<boolean> {
  // A token names the tunnel that it opens; the shared key says nothing about who holds it.
  if (facts.identity.kind !== 'shared' && holder.owner.kind === 'shared') return true
  if (!isConfirmed) return false
  // The same name and port: Nextcloud speaks for both alike.
  if (holder.proxyName === proxy.proxyName && holder.remotePort === proxy.remotePort) return false
  return (await askAssignedPort(holder.proxyName, rules)) !== holder.remotePort
}
