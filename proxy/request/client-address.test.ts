import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIpNetworks } from '../settings/ip-networks.ts'
import { normalizeAddress } from '../address.ts'
import { clientAddress, isTrusted, peerAddress } from './client-address.ts'

const nobody = parseIpNetworks('').networks
const ours = parseIpNetworks('10.0.0.0/8, fd00::/8').networks
const client = (peer: string, forwardedFor?: string, realIp?: string, trusted = ours): string =>
  clientAddress(peerAddress(peer), { forwardedFor, realIp }, trusted)

describe('clientAddress', () => {
  it.each([
    ['the peer when nobody is trusted', client('10.0.0.1', '9.9.9.9', '8.8.8.8', nobody), '10.0.0.1'],
    ['the peer when it is no proxy of ours', client('1.2.3.4', '9.9.9.9', '8.8.8.8'), '1.2.3.4'],
    ['the peer when a proxy says nothing', client('10.0.0.1'), '10.0.0.1'],
    ['what the proxy saw', client('10.0.0.1', '9.9.9.9'), '9.9.9.9'],
    ['what the proxy saw, not what the client wrote', client('10.0.0.1', '9.9.9.9, 8.8.8.8'), '8.8.8.8'],
    ['what the first of several proxies saw', client('10.0.0.1', '9.9.9.9, 8.8.8.8, 10.0.0.3, 10.0.0.2'), '8.8.8.8'],
    ['the farthest hop when all are ours', client('10.0.0.1', '10.0.0.3, 10.0.0.2'), '10.0.0.3'],
    ['X-Real-IP when there is no X-Forwarded-For', client('10.0.0.1', undefined, ' 7.7.7.7 '), '7.7.7.7'],
    ['X-Real-IP when the last hop is no address', client('10.0.0.1', '1.1.1.1:99', '7.7.7.7'), '7.7.7.7'],
    ['X-Forwarded-For before X-Real-IP', client('10.0.0.1', '9.9.9.9', '7.7.7.7'), '9.9.9.9'],
    ['the peer when nothing is an address', client('10.0.0.1', 'unknown', 'also-unknown'), '10.0.0.1'],
    ['nothing left of what is no address', client('10.0.0.1', '9.9.9.9, unknown, 10.0.0.2'), '10.0.0.1'],
    ['the peer for an address in brackets', client('10.0.0.1', '[2001:db8::1]'), '10.0.0.1'],
    ['the peer for an empty list', client('10.0.0.1', ''), '10.0.0.1'],
    ['the peer for an empty last item', client('10.0.0.1', '9.9.9.9, '), '10.0.0.1'],
    ['one notation of IPv6', client('fd00::1', '2001:DB8:0:0::1'), '2001:db8::1'],
    ['IPv4 out of IPv6', client('::ffff:10.0.0.1', '::ffff:9.9.9.9, ::FFFF:a00:2'), '9.9.9.9'],
  ])('is %s', (_what, address, expected) => {
    expect(address).toBe(expected)
  })

  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  const claim = fc.oneof(address, fc.string(), fc.constantFrom('10.0.0.9', 'fd00::9', 'unknown', '', ',', '127.0.0.1', '1.1.1.1:80'))
  const stranger = address.filter((candidate) => !isTrusted(normalizeAddress(candidate) ?? '', ours))
  const proxy = fc.constantFrom('10.0.0.1', '10.9.9.9', 'fd00::1', '::ffff:10.1.1.1')

  it('Q9: is never chosen by the client when our proxies append what they see', () => {
    fc.assert(
      fc.property(fc.array(claim, { maxLength: 4 }), claim, stranger, fc.array(proxy, { minLength: 1, maxLength: 4 }), (claims, realIp, truth, proxies) => {
        const seen = [...claims, truth, ...proxies.slice(1)].join(', ') // each proxy appends whom it was asked by
        expect(client(proxies[0] ?? '', seen, realIp)).toBe(normalizeAddress(truth))
      }),
      { numRuns: 500 },
    )
  })

  it('is never anything but the peer without a proxy of ours', () => {
    fc.assert(
      fc.property(stranger, fc.string(), claim, (peer, forwardedFor, realIp) => {
        expect(client(peer, forwardedFor, realIp)).toBe(normalizeAddress(peer))
      }),
    )
  })

  it('is always an address in its one notation, or the peer', () => {
    fc.assert(
      fc.property(fc.oneof(proxy, stranger), fc.array(claim).map((claims) => claims.join(',')), claim, (peer, forwardedFor, realIp) => {
        const found = client(peer, forwardedFor, realIp)
        expect(normalizeAddress(found)).toBe(found)
      }),
    )
  })
})

describe('peerAddress', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, 'unknown'],
  ])('of %s is %s', (remote, expected) => {
    expect(peerAddress(remote)).toBe(expected)
  })

  it('of a socket that is gone already is trusted by nobody', () => {
    expect(clientAddress(peerAddress(undefined), { forwardedFor: '9.9.9.9', realIp: '8.8.8.8' }, parseIpNetworks('0.0.0.0/0, ::/0').networks)).toBe('unknown')
  })
})

describe('normalizeAddress', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['::', '::'],
  ])('writes %s as %s', (written, expected) => {
    expect(normalizeAddress(written)).toBe(expected)
  })

  it.each(['', ' ', '1.2.3', '01.2.3.4', '1.2.3.4 ', '1.2.3.4:80', '[::1]', ':::', 'localhost', '0x7f.1'])('knows that %j is none', (text) => {
    expect(normalizeAddress(text)).toBeUndefined()
  })

  it('changes nothing the second time, and no text is an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        const once = normalizeAddress(text)
        expect(once === undefined).toBe(isIP(text) === 0)
        expect(normalizeAddress(once ?? '')).toBe(once)
      }),
    )
  })
})
