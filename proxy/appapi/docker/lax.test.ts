import { expect, it } from 'vitest'
import { laxAmount, laxBoolean } from './lax.ts'

it.each([
  ...[true, 1, '1', 'true', 'TRUE', 'yes', 'y', 'on', 't'].map((written) => [written, true] as const),
  ...[false, 0, '0', 'false', 'No', 'n', 'off', 'f'].map((written) => [written, false] as const),
])('reads %j as %s', (written, read) => {
  expect(laxBoolean.parse(written)).toBe(read)
})

it.each(['', 'perhaps', 2, -1, null, undefined, [], {}, ' true'])('takes %j for no yes and no no', (written) => {
  expect(laxBoolean.safeParse(written).success).toBe(false)
})

it.each([
  [536_870_912, 536_870_912],
  ['1500000000', 1_500_000_000],
  [1_500_000_000.5, 1_500_000_001],
  [0, 0],
])('reads the amount %j as %i', (written, read) => {
  expect(laxAmount.parse(written)).toBe(read)
})

it.each([-1, 1e30, Number.NaN, '512m', '-1', '', null, true, [1]])('takes %j for no amount', (written) => {
  expect(laxAmount.safeParse(written).success).toBe(false)
})
