import { expect, it } from 'vitest'
import { UntoldEffects } from './untold-effects.ts'

it('remembers what was noted, for each container on its own, until it is settled', () => {
  const untold = new UntoldEffects()
  expect(untold.has('a', 'created')).toBe(false)
  untold.note('a', 'created')
  untold.note('a', 'started')
  untold.note('b', 'started')
  expect([untold.has('a', 'created'), untold.has('a', 'started'), untold.has('b', 'created'), untold.has('b', 'started')]).toEqual([true, true, false, true])
  untold.settle('a', 'created')
  expect([untold.has('a', 'created'), untold.has('a', 'started')]).toEqual([false, true])
  untold.settle('a', 'started', 'created')
  untold.settle('c', 'started')
  expect([untold.has('a', 'started'), untold.has('b', 'started')]).toEqual([false, true])
})

it('does not grow without end', () => {
  const untold = new UntoldEffects()
  for (let index = 0; index < 1_001; index += 1) untold.note(`container ${index}`, 'created')
  expect([untold.has('container 0', 'created'), untold.has('container 1000', 'created')]).toEqual([false, true])
})
