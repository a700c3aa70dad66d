import { describe, expect, it } from 'vitest'
import { engineLoginRefusal, engineRefusal } from './engine-list.ts'
import type { TunnelIdentity } from './tokens.ts'

const list = [{ name: 'gpu', port: 24_001, generation: '' }, { name: 'cpu', port: 24_002, generation: '2' }]
const shared: TunnelIdentity = { kind: 'shared' }
const token = (engineName: string, remotePort: number, generation = ''): TunnelIdentity => ({ kind: 'engine', engineName, remotePort, generation })

describe('without a list', () => {
  it('every engine is let in', () => {
    for (const identity of [shared, token('any', 24_005), token('any', 24_005, '7')]) {
      expect(engineRefusal(undefined, identity, { proxyName: 'any', remotePort: 24_005 })).toBeUndefined()
      expect(engineLoginRefusal(undefined, identity)).toBeUndefined()
    }
  })
})

describe('with a list', () => {
  it('an engine is let in under its name, on its port, with a token of its generation or the shared key', () => {
    expect(engineRefusal(list, shared, { proxyName: 'gpu', remotePort: 24_001 })).toBeUndefined()
    expect(engineRefusal(list, shared, { proxyName: 'cpu', remotePort: 24_002 })).toBeUndefined()
    for (const identity of [token('gpu', 24_001), token('cpu', 24_002, '2')]) expect(engineLoginRefusal(list, identity)).toBeUndefined()
  })

  it('whoever else claims an engine’s port is told why not', () => {
    expect(engineRefusal(list, shared, { proxyName: 'tpu', remotePort: 24_003 })).toBe('the list of engines of this server has no [tpu]')
    expect(engineRefusal(list, shared, { proxyName: 'tpu', remotePort: 24_001 })).toBe('the list of engines of this server has no [tpu]')
    expect(engineRefusal(list, shared, { proxyName: 'gpu', remotePort: 24_002 })).toBe('the list of engines of this server gives [gpu] the remotePort 24001, not 24002')
    expect(engineRefusal([], shared, { proxyName: 'gpu', remotePort: 24_000 })).toBe('the list of engines of this server has no [gpu]')
    expect(engineRefusal(list, { kind: 'exapp', appId: 'tpu' }, { proxyName: 'tpu', remotePort: 24_099 })).toBe('the list of engines of this server has no [tpu]')
  })

  it.each([token('gpu', 24_001, '1'), token('cpu', 24_002), token('cpu', 24_002, '1'), token('cpu', 24_002, '22')])('a token of another generation is revoked: %j', (identity) => {
    expect(engineLoginRefusal(list, identity)).toMatch(/^this token of Docker Engine \[[gc]pu\] has been revoked: /)
  })

  it('the token of an engine that is not in it does not even log in', () => {
    expect(engineLoginRefusal(list, token('tpu', 24_003))).toBe('the list of engines of this server has no [tpu]')
    expect(engineLoginRefusal(list, shared)).toBeUndefined()
  })

  it('ExApps are none of its business', () => {
    for (const remotePort of [23_000, 23_999]) expect(engineRefusal([], shared, { proxyName: 'app', remotePort })).toBeUndefined()
    expect(engineLoginRefusal([], { kind: 'exapp', appId: 'app' })).toBeUndefined()
  })
})
