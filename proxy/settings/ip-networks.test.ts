import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIpNetworks } from './ip-networks.ts'

describe('parseIpNetworks', () => {
  it.each([
    ['10.0.0.0/8', ['10.0.0.0/8'], []],
    ['192.168.1.7', ['192.168.1.7/32'], []],
    [' 10.0.0.0/8 ,, fd00::/8, ', ['10.0.0.0/8', 'fd00::/8'], []],
    ['192.168.100.20/24', ['192.168.100.0/24'], ['192.168.100.20/24 → 192.168.100.0/24']],
    ['172.16.5.4/255.240.0.0', ['172.16.0.0/12'], ['172.16.5.4/255.240.0.0 → 172.16.0.0/12']],
    ['10.0.0.0/255.0.0.0', ['10.0.0.0/8'], []],
    ['1.2.3.4/0', ['0.0.0.0/0'], ['1.2.3.4/0 → 0.0.0.0/0']],
    ['0.0.0.0/0.0.0.0', ['0.0.0.0/0'], []],
    ['2001:DB8:0::/48', ['2001:db8::/48'], []],
    ['2001:db8::1:2:3/65', ['2001:db8::/65'], ['2001:db8::1:2:3/65 → 2001:db8::/65']],
    ['fe80::ffff/127', ['fe80::fffe/127'], ['fe80::ffff/127 → fe80::fffe/127']],
    ['::1', ['::1/128'], []],
    ['::/0', ['::/0'], []],
    ['"10.0.0.0/8"', ['10.0.0.0/8'], ['"10.0.0.0/8" → 10.0.0.0/8']],
    ["'\" 10.1.2.3 \"'", ['10.1.2.3/32'], ["'\" 10.1.2.3 \"' → 10.1.2.3/32"]],
    ['“10.0.0.0/8”,‘::1’', ['10.0.0.0/8', '::1/128'], ['“10.0.0.0/8” → 10.0.0.0/8', '‘::1’ → ::1/128']],
    ['', [], []],
    [' , "" ,\'\'', [], []],
  ])('reads %s', (text, accepted, repaired) => {
    expect(parseIpNetworks(text)).toMatchObject({ accepted, repaired, rejected: [] })
  })

  it('skips items that are no networks and keeps the others', () => {
    const rubbish = ['10.0.0', '10.0.0.256', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/255.0.255.0', '010.0.0.1', '::1/129', 'fd00::/ffff::', 'fe80::1%eth0', 'proxy', '10.0.0.1:80', '[::1]', '/8', '10.0.0.0/']
    const { accepted, rejected } = parseIpNetworks(['10.0.0.0/8', ...rubbish, 'fd00::/8'].join(','))
    expect([accepted, rejected]).toEqual([['10.0.0.0/8', 'fd00::/8'], rubbish])
  })

  it('trusts nobody when nothing was given', () => {
    const { networks } = parseIpNetworks('')
    expect([networks.check('127.0.0.1'), networks.check('::1', 'ipv6')]).toEqual([false, false])
  })

  it('holds exactly the addresses whose leading bits are the same, whatever was written behind them', () => {
    fc.assert(
      fc.property(fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })), fc.ipV4(), ([network, prefix], address) => {
        const bits = (text: string) => text.split('.').map((byte) => Number(byte).toString(2).padStart(8, '0')).join('')
        const expected = bits(network).slice(0, prefix) === bits(address).slice(0, prefix)
        expect(parseIpNetworks(`${network}/${prefix}`).networks.check(address)).toBe(expected)
      }),
    )
  })

  it('agrees with the BlockList of Node on neighbours of a network', () => {
    const octet = fc.integer({ min: 0, max: 255 })
    const near4 = fc.tuple(octet, octet).map(([low, high]) => `10.20.${high}.${low}`)
    const near6 = fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff })).map(([a, b]) => `2001:db8::${a.toString(16)}:0:${b.toString(16)}`)
    const network = fc.oneof(fc.tuple(near4, fc.integer({ min: 14, max: 32 })), fc.tuple(near6, fc.integer({ min: 80, max: 128 })))
    fc.assert(
      fc.property(fc.array(network, { minLength: 1, maxLength: 4 }), fc.oneof(near4, near6), (networks, address) => {
        const family = (text: string) => (isIP(text) === 6 ? 'ipv6' : 'ipv4')
        const independent = new BlockList()
        for (const [base, prefix] of networks) independent.addSubnet(base, prefix, family(base))
        const read = parseIpNetworks(networks.map(([base, prefix]) => `${base}/${prefix}`).join(', '))
        expect(read.rejected).toEqual([])
        expect(read.networks.check(address, family(address))).toBe(independent.check(address, family(address)))
      }),
      { numRuns: 500 },
    )
  })

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { accepted, rejected } = parseIpNetworks(text)
        expect(accepted.length + rejected.length).toBeLessThanOrEqual(text.split(',').length)
      }),
    )
  })
})
