import { expect, it } from 'vitest'
import { Admission } from './admission.ts'

it('counts connections without login, in total and by address', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const admit = (address: string) => admission.admit(address, () => {})
  const first = admit('192.0.2.1')
  const others = [admit('192.0.2.1')]
  expect(() => admit('192.0.2.1')).toThrow('too many connections without login from one address')
  others.push(admit('192.0.2.2'))
  expect(admission.count).toBe(3)

  first.leave()
  first.leave() // counts once
  expect(admission.count).toBe(2)
  others.push(admit('192.0.2.1'))
  expect(admission.count).toBe(3)
  for (const other of others) other.leave()
  expect(admission.count).toBe(0)
})

it('ends the oldest when there are too many, but not for an address that has its share', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const ended: unknown[] = []
  const admit = (name: string, address: string) => admission.admit(address, (because) => ended.push([name, because?.message, because?.limit]))
  const admitted = [admit('first', '192.0.2.1'), admit('second', '192.0.2.1'), admit('third', '192.0.2.2')]
  expect(() => admit('too many', '192.0.2.1')).toThrow('too many connections without login from one address')
  expect(ended).toEqual([])
  admitted.push(admit('fourth', '192.0.2.3'))
  expect(ended).toEqual([['first', 'too many connections without login, and it was the oldest', 'frp_connections_without_login']])
  expect(admission.count).toBe(3)
  admitted.push(admit('fifth', '192.0.2.1'))
  expect(ended.map((entry) => (entry as string[])[0])).toEqual(['first', 'second'])
  for (const each of admitted) each.leave()
  expect(admission.count).toBe(0)
})

it('takes a public IPv6 network for one address', () => {
  const admission = new Admission({ unauthenticatedConnections: 9, unauthenticatedConnectionsPerAddress: 1, unauthenticatedMs: 1000 })
  const admitted = [admission.admit('2001:db8:0:1::1', () => {}), admission.admit('2001:db8:0:2::1', () => {}), admission.admit('fd00::1', () => {})]
  expect(() => admission.admit('2001:db8:0:1::2', () => {})).toThrow('too many connections without login from one address')
  admitted.push(admission.admit('fd00::2', () => {}))
  for (const each of admitted) each.leave()
})

it('says when a connection has taken too long, unless it has left', async () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 3, unauthenticatedMs: 20 })
  const expired: string[] = []
  admission.admit('192.0.2.1', () => expired.push('left in time')).leave()
  admission.admit('192.0.2.2', () => expired.push('took too long'))
  await expect.poll(() => expired).toEqual(['took too long'])
})

it('counts what comes through a proxy for the client that the proxy names', () => {
  const admission = new Admission({ unauthenticatedConnections: 4, unauthenticatedConnectionsPerAddress: 1, unauthenticatedMs: 1000 })
  const admit = (address?: string) => admission.admit(address, () => {})
  const [one, other, third] = [admit(), admit(), admit()]
  one.countAs('192.0.2.1')
  other.countAs('192.0.2.2')
  expect(() => third.countAs('192.0.2.2')).toThrow('too many connections without login from one address')
  expect(() => admit('192.0.2.1')).toThrow('too many connections without login from one address')
  expect(admission.count).toBe(2) // whoever is refused counts no more
  one.countAs('192.0.2.3')
  admit('192.0.2.1').leave()
  for (const admitted of [one, other, third]) admitted.leave()
  expect(admission.count).toBe(0)
  one.countAs('192.0.2.1') // it is over
  admit('192.0.2.1').leave()
})
