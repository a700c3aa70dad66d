import { describe, expect, it } from 'vitest'
import { createKeyCheck } from './shared-key.ts'

describe('createKeyCheck', () => {
  it('accepts the key and nothing else', () => {
    const isSharedKey = createKeyCheck('s"e\\cret')
    expect(isSharedKey('s"e\\cret')).toBe(true)
    expect([undefined, '', 's', 's"e\\cre', 's"e\\crett', 'S"E\\CRET', ' s"e\\cret', 's"e\\cret'.repeat(1000)].map((presented) => isSharedKey(presented))).toEqual(Array(8).fill(false))
  })

  it('accepts a key with outer blanks as a header carries it: without them', () => {
    expect(createKeyCheck(' a b ')('a b')).toBe(true)
  })
})
