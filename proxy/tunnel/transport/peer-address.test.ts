import { expect, it } from 'vitest'
import { normalizeAddress } from './peer-address.ts'

it('has one spelling per peer', () => {
  expect(normalizeAddress('::ffff:192.0.2.1')).toBe('192.0.2.1')
  expect(normalizeAddress('::FFFF:192.0.2.1')).toBe('192.0.2.1')
  expect(normalizeAddress('192.0.2.1')).toBe('192.0.2.1')
  expect(normalizeAddress('2001:db8::1')).toBe('2001:db8::1')
  expect(normalizeAddress('::1')).toBe('::1')
})
