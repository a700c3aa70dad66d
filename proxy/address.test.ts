import { describe, expect, it } from 'vitest'
import { normalizeAddress, peerBlock } from './address.ts'

describe('whose share an address counts to', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
    ['2a00::1', '2a00:0:0:0::/64'],
    ['::1', '::1'],
    ['fd00::2', 'fd00::2'],
    ['fe80::1%eth0', 'fe80::1'],
    ['20::1', '20::1'],
  ])('%s: %s', (address, block) => {
    expect(peerBlock(normalizeAddress(address) ?? '')).toBe(block)
  })
})
