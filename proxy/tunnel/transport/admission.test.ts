import { expect, it } from 'vitest'
import { Admission } from './admission.ts'

it('counts connections without login, in total and by address', () => {
  const admission = new Admission({ unauthenticatedConnections: 3, unauthenticatedConnectionsPerAddress: 2 })
  const leave = admission.admit('192.0.2.1')
  admission.admit('192.0.2.1')
  expect(() => admission.admit('192.0.2.1')).toThrow('too many connections without login from one address')
  admission.admit('192.0.2.2')
  expect(() => admission.admit('192.0.2.3')).toThrow('too many connections without login')

  leave()
  leave() // counts once
  expect(admission.count).toBe(2)
  admission.admit('192.0.2.1')
  expect(admission.count).toBe(3)
})
