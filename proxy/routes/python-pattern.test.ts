import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { InvalidPatternError, UnsupportedPatternError } from './errors.ts'
import { translatePattern } from './python-pattern.ts'
import vectors from './python-pattern.vectors.json' with { type: 'json' }

const unsupported = ['^/(?!admin)', '(?=a)', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?P<a>b)(?P=a)', '(?>a)', 'a++', '(a)?(?(1)b|c)', '(?x) a b', '\\N{DASH}']

describe('a route pattern', () => {
  const verdicts = Object.entries(vectors.verdicts)

  it.each(verdicts.filter(([, verdict]) => verdict === 'refused'))('%j is refused, as Python does', (pattern) => {
    expect(() => translatePattern(pattern)).toThrow(InvalidPatternError)
  })

  it.each(verdicts.filter(([, verdict]) => verdict !== 'refused'))('%j answers as re.match does in Python', (pattern, verdict) => {
    const linear = RE2JS.compile(`^(?:${translatePattern(pattern)})`)
    expect(vectors.paths.map((path) => (linear.test(path) ? '1' : '0')).join('')).toBe(verdict)
  })

  it.each(unsupported)('%j has no linear-time form and is said to be so', (pattern) => {
    expect(() => translatePattern(pattern)).toThrow(UnsupportedPatternError)
  })
})
