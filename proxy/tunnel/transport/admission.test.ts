import { expect, it } from 'vitest'
import { Admission } from './admission.ts'

it('counts connections without login, in total and by address', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const admit = (address: string) => admission.admit(address, () => {})
  const leave = admit('192.0.2.1')
  const others = [admit('192.0.2.1')]
  expect(() => admit('192.0.2.1')).toThrow('too many connections without login from one address')
  others.push(admit('192.0.2.2'))
  expect(admission.count).toBe(3)

  leave()
  leave() // counts once
  expect(admission.count).toBe(2)
  others.push(admit('192.0.2.1'))
  expect(admission.count).toBe(3)
  for (const leaveToo of others) leaveToo()
  expect(admission.count).toBe(0)
})

it('ends the oldest when there are too many, but not for an address that has its share', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const ended: unknown[] = []
  const admit = (name: string, address: string) => admission.admit(address, (because) => ended.push([name, because?.message, because?.limit]))
  const leaves = [admit('first', '192.0.2.1'), admit('second', '192.0.2.1'), admit('third', '192.0.2.2')]
  expect(() => admit('too many', '192.0.2.1')).toThrow('too many connections without login from one address')
  expect(ended).toEqual([])
  leaves.push(admit('fourth', '192.0.2.3'))
  expect(ended).toEqual([['first', 'too many connections without login, and it was the oldest', 'frp_connections_without_login']])
  expect(admission.count).toBe(3)
  leaves.push(admit('fifth', '192.0.2.1'))
  expect(ended.map((entry) => (entry as string[])[0])).toEqual(['first', 'second'])
  for (const leave of leaves) leave()
  expect(admission.count).toBe(0)
})

it('says when a connection has taken too long, unless it has left', async () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 3, unauthenticatedMs: 20 })
  const expired: string[] = []
  admission.admit('192.0.2.1', () => expired.push('left in time'))()
  admission.admit('192.0.2.2', () => expired.push('took too long'))
  await expect.poll(() => expired).toEqual(['took too long'])
})
