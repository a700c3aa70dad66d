import { expect, it } from 'vitest'
import { exAppToken, identify, mayClaim } from '../../tunnel/tokens.ts'
import { exAppEnvironment } from './exapp-environment.ts'

it('has the ExApp’s own token where the shared key was, and everything else as it came', () => {
  const given = ['A=b=c', 'HP_SHARED_KEY=the key', 'LINES=one\ntwo', 'HP_SHARED_KEY_FILE=/x', 'XHP_SHARED_KEY=the key', 'EMPTY=', 'ALONE']
  const token = exAppToken('the key', 'demo')
  expect(exAppEnvironment(given, 'demo', 'the key')).toEqual(['A=b=c', `HP_SHARED_KEY=${token}`, 'LINES=one\ntwo', 'HP_SHARED_KEY_FILE=/x', 'XHP_SHARED_KEY=the key', 'EMPTY=', 'ALONE'])
  const identity = identify(token, ['the key'], { allowSharedKey: false })
  expect(identity && mayClaim(identity, { proxyName: 'demo', remotePort: 23_000 })).toBeUndefined()
  expect(identity && mayClaim(identity, { proxyName: 'other', remotePort: 23_000 })).toMatch(/opens only/)
})

it('has no token for an ExApp that needs no tunnel', () => {
  expect(exAppEnvironment(['A=b'], 'demo', 'the key')).toEqual(['A=b'])
})
