import { expect, it } from 'vitest'
import { Admission } from './admission.ts'

it('counts connections without login, in total and by address', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2, unauthenticatedMs: 1000 })
  const admit = (address: string) => admission.admit(address, () => {})
  const first = admit('192.0.2.1')
  const others = [admit('192.0.2.1')]
  expect(() => admit('192.0.2.1')).toThrow('too many connections without login from one address')
  others.push(admit('192.0.2.2'))
  expect(() => admit('192.0.2.3')).toThrow('too many connections without login')

  first.leave()
  first.leave() // counts once
  expect(admission.count).toBe(2)
  others.push(admit('192.0.2.1'))
  expect(admission.count).toBe(3)
  for (const other of others) other.leave()
  expect(admission.count).toBe(0)
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
