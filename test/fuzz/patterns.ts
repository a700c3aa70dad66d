import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { RE2JS } from 're2js'
import { InvalidPatternError, UnsupportedPatternError } from '../../proxy/routes/errors.ts'
import { translatePattern } from '../../proxy/routes/python-pattern.ts'
import { RouteTable } from '../../proxy/routes/route-table.ts'
import { pureProperty } from './fuzz-property.ts'

/** Patterns that Python and JavaScript read alike. */
const { pattern } = fc.letrec<{ pattern: string; branch: string; part: string; atom: string }>((tie) => ({
  pattern: fc.array(tie('branch'), { minLength: 1, maxLength: 3 }).map((branches) => branches.join('|')),
  branch: fc.array(tie('part'), { maxLength: 4 }).map((parts) => parts.join('')),
  part: fc.oneof(
    { weight: 4, arbitrary: tie('atom') },
    { weight: 2, arbitrary: fc.tuple(tie('atom'), fc.constantFrom('*', '+', '?', '*?', '+?', '{2}', '{1,2}', '{0,1}?', '{2,}')).map(([atom, repeat]) => atom + repeat) },
    { weight: 1, arbitrary: fc.constantFrom('^', '$', '\\b', '\\B') },
  ),
  atom: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'atoms' },
    fc.constantFrom('a', 'b', '/', '-', '_', '.', '\\.', '\\/', '\\d', '\\w', '\\W', '\\S', '[ab]', '[^a]', '[a-c/]', '[\\d-]', '[.]', '0', '%'),
    tie('pattern').map((inner) => `(${inner})`),
    tie('pattern').map((inner) => `(?:${inner})`),
  ),
}))

const paths = fc.array(fc.constantFrom('a', 'b', 'c', '/', '-', '_', '.', '0', '7', '%', 'aa', 'ab'), { maxLength: 8 }).map((parts) => parts.join(''))

export const patterns = pureProperty('patterns', 'a route pattern in linear time matches what it matched when it could run for ever, and any text is a pattern or refused', () =>
  fc.asyncProperty(pattern, fc.array(paths, { minLength: 1, maxLength: 5 }), fc.string({ unit: 'binary' }), async (written, tried, anything) => {
    const linear = RE2JS.compile(`^(?:${translatePattern(written)})`)
    const backtracking = new RegExp(`^(?:${written})`)
    for (const path of tried) assert.equal(linear.test(path), backtracking.test(path), `${written} on ${path}`)
    // Whatever an author writes: nothing but its own two errors, and a table that decides.
    for (const text of [anything, `${written}${anything}`]) {
      try {
        translatePattern(text)
      } catch (error) {
        assert.ok(error instanceof InvalidPatternError || error instanceof UnsupportedPatternError, String(error))
      }
      const table = new RouteTable([{ url: text, accessLevel: 0, bruteforceStatuses: [] }])
      for (const path of tried) table.decide(path, 0)
    }
  }),
)
