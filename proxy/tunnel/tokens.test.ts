import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { engineToken, exAppToken, identify, isSameIdentity, mayClaim } from './tokens.ts'

const KEY = 'the current key'
const PREVIOUS = 'the previous key'
const either = [KEY, PREVIOUS]
const names = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/)

describe('a token', () => {
  it('is the shared key, the current or the previous one', () => {
    for (const key of either) expect(identify(key, either, { allowSharedKey: true })).toEqual({ kind: 'shared' })
  })

  it('is not the shared key where that opens no tunnels', () => {
    expect(identify(KEY, either, { allowSharedKey: false })).toBeUndefined()
  })

  it('carries the name of the ExApp or engine that it is for', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(...either), (name, remotePort, key) => {
        const rules = { allowSharedKey: false }
        expect(identify(exAppToken(key, name), either, rules)).toEqual({ kind: 'exapp', appId: name })
        expect(identify(engineToken(key, name, remotePort), either, rules)).toEqual({ kind: 'engine', engineName: name, remotePort, generation: '' })
      }),
    )
  })

  it('stays the same from release to release: containers keep theirs for years', () => {
    expect(exAppToken(KEY, 'app_skeleton')).toBe('harpoon:exapp:app_skeleton:OPAwLnhsYNpCDRE825KmhBAswiBs3LdaCTasGZc4jgU')
    expect(engineToken(KEY, 'gpu-host', 24_001)).toBe('harpoon:engine:gpu-host:24001:VLNccjOnwaEz5YWGEXOwi321nXR50rALO283N_AQ6KI')
  })

  it('of an engine may be of a generation, and is then another one', () => {
    const generations = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
    fc.assert(
      fc.property(names, generations, (name, generation) => {
        const token = engineToken(KEY, name, 24_001, generation)
        expect(identify(token, either, { allowSharedKey: false })).toEqual({ kind: 'engine', engineName: name, remotePort: 24_001, generation })
        for (const other of ['', `${generation}x:`]) {
          const changed = token.replace(`:24001:${generation}:`, `:24001:${other}`)
          expect(identify(changed, either, { allowSharedKey: false })).toBeUndefined()
        }
      }),
    )
    expect(engineToken(KEY, 'gpu-host', 24_001, '2')).toBe('harpoon:engine:gpu-host:24001:2:NqpcaOqVMzOX4l3XWcmYOq5b9QpWNhP01RRnIKPJIMk')
    for (const generation of ['a:b', 'a b', 'ä', 'x'.repeat(65), '\n']) expect(() => engineToken(KEY, 'gpu', 24_001, generation)).toThrow(RangeError)
  })

  it('is nobody’s with another name, port, kind or key', () => {
    const exapp = exAppToken(KEY, 'one')
    const engine = engineToken(KEY, 'one', 24_001)
    const forged = [
      exapp.replace('one', 'two'),
      exapp.replace('exapp', 'engine'),
      engine.replace('one', 'two'),
      engine.replace('24001', '24002'),
      engine.replace('24001', '024001'),
      engine.replace(':engine:', ':exapp:'),
      `harpoon:exapp:one:${engine.split(':').at(-1)}`,
      exAppToken('another key', 'one'),
      exapp.slice(0, -1),
      `${exapp}A`,
      ` ${exapp}`,
      `${exapp}\n`,
      '',
      'harpoon:exapp:one:',
    ]
    for (const token of forged) expect(identify(token, either, { allowSharedKey: true })).toBeUndefined()
  })

  it('is nobody’s when any one character differs', () => {
    const token = exAppToken(KEY, 'one')
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (index, character) => {
        const changed = token.slice(0, index) + character + token.slice(index + 1)
        fc.pre(changed !== token)
        // The last base64url character of 32 bytes has two bits that mean nothing; the text counts nevertheless.
        expect(identify(changed, either, { allowSharedKey: true })).toBeUndefined()
      }),
    )
  })

  it('Q29: is nobody’s when there is no key, or an empty one', () => {
    for (const keys of [[], ['']]) {
      for (const token of ['', exAppToken('', 'one')]) expect(identify(token, keys, { allowSharedKey: true })).toBeUndefined()
    }
  })

  it('needs no quoting in a shell, TOML, YAML string or header', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(exAppToken(KEY, name)).toMatch(/^[A-Za-z0-9:_.-]+$/)
      }),
    )
    for (const name of ['', 'a:b', 'a b', 'a"b', 'ä', '-a', 'x'.repeat(129)]) expect(() => exAppToken(KEY, name)).toThrow(RangeError)
  })
})

describe('a claim', () => {
  const exapp = { kind: 'exapp', appId: 'one' } as const
  const engine = { kind: 'engine', engineName: 'gpu', remotePort: 24_001, generation: '' } as const

  it('is open to the shared key', () => {
    expect(mayClaim({ kind: 'shared' }, { proxyName: 'anything', remotePort: 23_000 })).toBeUndefined()
  })

  it('of an ExApp token has to be for its own name', () => {
    expect(mayClaim(exapp, { proxyName: 'one', remotePort: 23_000 })).toBeUndefined()
    expect(mayClaim(exapp, { proxyName: 'user.one', remotePort: 23_000 })).toBe(
      'the token of ExApp [one] opens only the proxy [one], not [user.one]',
    )
  })

  it('of an engine token has to be for its own name and port', () => {
    expect(mayClaim(engine, { proxyName: 'gpu', remotePort: 24_001 })).toBeUndefined()
    const refusal = 'the token of Docker Engine [gpu] opens only the proxy [gpu] on remotePort 24001, not'
    expect(mayClaim(engine, { proxyName: 'gpu', remotePort: 24_002 })).toBe(`${refusal} [gpu] on 24002`)
    expect(mayClaim(engine, { proxyName: 'one', remotePort: 24_001 })).toBe(`${refusal} [one] on 24001`)
  })
})

it('tells owners apart by kind, name and port', () => {
  const identities = [
    { kind: 'shared' },
    { kind: 'exapp', appId: 'one' },
    { kind: 'exapp', appId: 'two' },
    { kind: 'engine', engineName: 'one', remotePort: 24_001, generation: '' },
    { kind: 'engine', engineName: 'one', remotePort: 24_001, generation: '2' },
    { kind: 'engine', engineName: 'one', remotePort: 24_002, generation: '' },
  ] as const
  for (const one of identities) {
    for (const other of identities) expect(isSameIdentity(one, { ...other })).toBe(one === other)
  }
})
