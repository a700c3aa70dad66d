import { isIP } from 'node:net'

/** One notation per address: lower case, `::` where possible, IPv4 also when it came mapped into IPv6; `undefined` when it is none. */
export function normalizeAddress(address: string): string | undefined {
  switch (isIP(address)) {
    case 4:
      return address
    case 6: {
      const bare = address.split('%')[0] ?? address // a zone names an interface of this host, not a peer
      const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
      return mapped ?? unmapped(new URL(`http://[${bare}]`).hostname.slice(1, -1))
    }
    default:
      return undefined
  }
}

/**
 * Whom an address stands for where one's share of something is counted: in the public IPv6 internet everybody has at least
 * a network of 2⁶⁴ addresses, elsewhere an address is one peer. Takes what `normalizeAddress` gives.
 */
export function peerBlock(address: string): string {
  if (!/^[23][0-9a-f]{3}:/.test(address)) return address // global unicast is 2000::/3 (RFC 4291 §2.4)
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  if (tail !== undefined) groups.push(...Array.from({ length: 4 }, () => '0'))
  return `${groups.slice(0, 4).join(':')}::/64`
}

function unmapped(canonical: string): string {
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (!groups) return canonical
  const bytes = [groups[1], groups[2]].flatMap((group) => [parseInt(group ?? '0', 16) >> 8, parseInt(group ?? '0', 16) & 0xff])
  return bytes.join('.')
}
