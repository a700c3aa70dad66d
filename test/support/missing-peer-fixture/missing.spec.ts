import { expect, it } from 'vitest'
import { describeWithPeer } from '../describe-with-peer.ts'
import { MissingPeer } from '../peers/missing.ts'

// Run by describe-with-peer.test.ts alone: not `.test.ts`, so that no ordinary run takes it up.
const unicorn = {
  name: 'a unicorn',
  ensure: (): Promise<string> => Promise.reject(new MissingPeer('Unicorn', 'catch one')),
}

describeWithPeer('what only a unicorn can do', unicorn, ({ current, prepare }) => {
  prepare(async () => {
    throw new Error('prepared without its peer')
  })

  it('is not tried without one', () => {
    expect(current()).toBe('a unicorn')
  })
})
