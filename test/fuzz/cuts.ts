import * as fc from 'fast-check'

/** Where bytes are cut, in thousandths: TCP does so anywhere. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(1000), { maxLength: 5 })

/** The bytes in pieces, none of them empty. */
export function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at.map((part) => Math.floor((part / 1000) * bytes.length)).sort((one, other) => one - other), bytes.length]
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end)).filter(({ length }) => length > 0)
}
