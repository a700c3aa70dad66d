import { expect, it } from 'vitest'
import { Quota } from './quota.ts'

it('counts in all and per key, and says which of the two is exceeded', () => {
  const quota = new Quota(() => ({ total: 3, perKey: 2 }))
  expect([quota.take('a'), quota.take('a'), quota.take('a')]).toEqual(['taken', 'taken', 'per key'])
  expect([quota.take('b'), quota.take('b'), quota.take()]).toEqual(['taken', 'total', 'total'])
  quota.release('a')
  expect([quota.total, quota.take('a'), quota.total]).toEqual([2, 'taken', 3])
})

it('counts in all what has no key', () => {
  const quota = new Quota(() => ({ total: 3, perKey: 1 }))
  expect([quota.take(), quota.take(), quota.take('a'), quota.take()]).toEqual(['taken', 'taken', 'taken', 'total'])
  quota.release()
  expect([quota.take('a'), quota.take('b')]).toEqual(['per key', 'taken'])
})

it('follows limits that change, and takes nothing away', () => {
  const limits = { total: 2, perKey: 2 }
  const quota = new Quota(() => limits)
  quota.take('a')
  quota.take('a')
  limits.total = 1
  quota.release('a')
  expect([quota.total, quota.take('a')]).toEqual([1, 'total'])
  quota.release('a')
  expect(quota.take('a')).toBe('taken')
})
