import { type BlockList, isIP } from 'node:net'
import { normalizeAddress } from '../address.ts'

/** Who opened the socket: often a reverse proxy. */
export type PeerAddress = string & { readonly brand: 'PeerAddress' }

/** Who is held responsible, e.g. banned. */
export type ClientAddress = string & { readonly brand: 'ClientAddress' }

/** The socket's peer in the notation that all tables and logs use. */
export function peerAddress(remoteAddress: string | undefined): PeerAddress {
  return (normalizeAddress(remoteAddress ?? '') ?? 'unknown') as PeerAddress
}

/**
 * Walks `X-Forwarded-For` from the right over the hops that the admin trusts: whatever a client wrote itself stands left of
 * what our own proxies added (HaRP takes the leftmost item, Q9). Then `X-Real-IP`, then the peer.
 */
export function clientAddress(peer: PeerAddress, headers: ForwardingHeaders, trusted: BlockList): ClientAddress {
  if (!isTrusted(peer, trusted)) return peer as string as ClientAddress
  return fromForwardedFor(headers.forwardedFor, trusted) ?? asClient(headers.realIp) ?? (peer as string as ClientAddress)
}

export interface ForwardingHeaders {
  /** All `X-Forwarded-For` lines, joined with commas in their order. */
  readonly forwardedFor: string | undefined
  readonly realIp: string | undefined
}

export function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function fromForwardedFor(list: string | undefined, trusted: BlockList): ClientAddress | undefined {
  const hops = (list ?? '').split(',').toReversed()
  let nearest: ClientAddress | undefined
  for (const hop of hops) {
    nearest = asClient(hop)
    // Something that is no address (`unknown`, `ip:port`) ends the chain: nothing left of it can be believed.
    if (nearest === undefined || !isTrusted(nearest, trusted)) return nearest
  }
  return nearest
}

const asClient = (text: string | undefined): ClientAddress | undefined => normalizeAddress(text?.trim() ?? '') as ClientAddress | undefined
