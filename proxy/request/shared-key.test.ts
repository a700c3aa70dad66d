import { describe, expect, it } from 'vitest'
import { createKeyCheck } from './shared-key.ts'

describe('createKeyCheck', () => {
  it('accepts the key and nothing else', () => {
    const isSharedKey = createKeyCheck(() => ['s"e\\cret'])
    expect(isSharedKey('s"e\\cret')).toBe(true)
    expect([undefined, '', 's', 's"e\\cre', 's"e\\crett', 'S"E\\CRET', ' s"e\\cret', 's"e\\cret'.repeat(1000)].map((presented) => isSharedKey(presented))).toEqual(Array(8).fill(false))
  })

  it('accepts a key with outer blanks as a header carries it: without them', () => {
    expect(createKeyCheck(() => [' a b '])('a b')).toBe(true)
  })

  it('follows the keys that are valid now: current and previous', () => {
    let keys: readonly string[] = ['old']
    const isSharedKey = createKeyCheck(() => keys)
    expect([isSharedKey('old'), isSharedKey('new')]).toEqual([true, false])
    keys = ['new', 'old']
    expect([isSharedKey('old'), isSharedKey('new')]).toEqual([true, true])
    keys = ['new']
    expect([isSharedKey('old'), isSharedKey('new')]).toEqual([false, true])
  })
})
