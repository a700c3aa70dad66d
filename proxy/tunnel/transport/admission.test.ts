import { expect, it } from 'vitest'
import { Admission } from './admission.ts'

it('counts connections without login, in total and by address', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const admit = (address: string) => admission.admit(address, () => {})
  const leave = admit('192.0.2.1')
  const others = [admit('192.0.2.1')]
  expect(() => admit('192.0.2.1')).toThrow('too many connections without login from one address')
  others.push(admit('192.0.2.2'))
  expect(() => admit('192.0.2.3')).toThrow('too many connections without login')

  leave()
  leave() // counts once
  expect(admission.count).toBe(2)
  others.push(admit('192.0.2.1'))
  expect(admission.count).toBe(3)
  for (const leaveToo of others) leaveToo()
  expect(admission.count).toBe(0)
})

it('takes a public IPv6 network for one address', () => {
  const admission = new Admission({ unauthenticatedConnections: 9, unauthenticatedConnectionsPerAddress: 1, unauthenticatedMs: 1000 })
  const leave = [admission.admit('2001:db8:0:1::1', () => {}), admission.admit('2001:db8:0:2::1', () => {}), admission.admit('fd00::1', () => {})]
  expect(() => admission.admit('2001:db8:0:1::2', () => {})).toThrow('too many connections without login from one address')
  leave.push(admission.admit('fd00::2', () => {}))
  for (const leaveToo of leave) leaveToo()
})

it('says when a connection has taken too long, unless it has left', async () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 3, unauthenticatedMs: 20 })
  const expired: string[] = []
  admission.admit('192.0.2.1', () => expired.push('left in time'))()
  admission.admit('192.0.2.2', () => expired.push('took too long'))
  await expect.poll(() => expired).toEqual(['took too long'])
})
