import { BlockList, isIP } from 'node:net'

/** What became of each item of an address list, so that the admin can be told (HaRP contract §1.3). */
export interface IpNetworks {
  readonly networks: BlockList
  readonly accepted: readonly string[]
  /** Items that were understood after removing quotes or masking host bits: `written → read`. */
  readonly repaired: readonly string[]
  readonly rejected: readonly string[]
  /** Whether there was anything to read. */
  readonly isSet: boolean
}

const quotes = /^['"“”‘’]+|['"“”‘’]+$/g

/** Reads a comma-separated list of addresses and networks. Items that are none are set aside, the others stay. */
export function parseIpNetworks(text: string): IpNetworks {
  const networks = new BlockList()
  const accepted: string[] = []
  const repaired: string[] = []
  const rejected: string[] = []
  for (const written of text.split(',').map((item) => item.trim())) {
    const item = written.replace(quotes, '').trim()
    if (item === '') continue
    const network = parseNetwork(item)
    if (!network) {
      rejected.push(written)
      continue
    }
    networks.addSubnet(network.address, network.prefix, network.family)
    const read = `${network.address}/${network.prefix}`
    accepted.push(read)
    if (item !== written || network.masked) repaired.push(`${written} → ${read}`)
  }
  return { networks, accepted, repaired, rejected, isSet: text.trim() !== '' }
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
  /** Whether host bits were set. */
  readonly masked: boolean
}

function parseNetwork(item: string): Network | undefined {
  const [address = '', mask, ...rest] = item.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0 || address.includes('%')) return undefined
  const bits = version === 4 ? 32 : 128
  const prefix = mask === undefined ? bits : parsePrefix(mask, version)
  if (prefix === undefined) return undefined
  const network = networkAddress(address, version, prefix)
  return { address: network, prefix, family: version === 4 ? 'ipv4' : 'ipv6', masked: network !== networkAddress(address, version, bits) }
}

function parsePrefix(mask: string, version: number): number | undefined {
  if (/^\d{1,3}$/.test(mask)) return Number(mask) <= (version === 4 ? 32 : 128) ? Number(mask) : undefined
  if (version !== 4 || isIP(mask) !== 4) return undefined
  const binary = ipv4Bits(mask)
  return /^1*0*$/.test(binary) ? binary.lastIndexOf('1') + 1 : undefined
}

const ipv4Bits = (address: string): string => address.split('.').map((byte) => Number(byte).toString(2).padStart(8, '0')).join('')

/** Clears the host bits: `192.168.100.20/24` means `192.168.100.0/24`. */
function networkAddress(address: string, version: number, prefix: number): string {
  if (version === 4) {
    const bits = ipv4Bits(address).slice(0, prefix).padEnd(32, '0')
    return [0, 8, 16, 24].map((at) => parseInt(bits.slice(at, at + 8), 2)).join('.')
  }
  const masked = ipv6Groups(address).map((group, index) => group & (0xffff << (16 - clamp(prefix - index * 16))) & 0xffff)
  return new URL(`http://[${masked.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1)
}

const clamp = (bits: number): number => Math.min(16, Math.max(0, bits))

function ipv6Groups(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1) // also turns a dotted tail into two groups
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(gap).fill('0'), ...right].map((group) => parseInt(group, 16))
}
