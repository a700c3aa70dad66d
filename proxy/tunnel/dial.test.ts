import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createDial } from './dial.ts'
import type { FrpStream } from './frp-stream.ts'
import { TunnelNotConnectedError, TunnelUnresponsiveError } from './errors.ts'
import { TunnelRegistry } from './registry.ts'
import type { RegisteredTunnel } from './registry.ts'

const PORT = 23_000
const atOnce = { timeoutMs: 5000 }

function tunnel(open: RegisteredTunnel['open']): RegisteredTunnel {
  return {
    proxyName: 'one',
    remotePort: PORT,
    owner: { kind: 'shared' },
    clientAddress: '192.0.2.1',
    clientVersion: '0.61.1',
    connectedAt: 0,
    openStreams: 0,
    bytesReceived: 0,
    bytesSent: 0,
    open,
    isAlive: async () => true,
    evict: () => {},
  }
}

function create() {
  let now = 0
  const registry = new TunnelRegistry({ now: () => now })
  return { registry, dial: createDial({ registry }), passTime: (ms: number) => (now += ms) }
}

const newStream = (): FrpStream => Object.assign(new PassThrough(), { bytesRead: 0, bytesWritten: 0, destroySoon: () => {} })

describe('dial', () => {
  it('fails at once where no client is expected', async () => {
    const { dial, passTime } = create()
    passTime(1_000_000)
    await expect(dial(PORT, atOnce)).rejects.toEqual(new TunnelNotConnectedError(PORT, 'no client is connected'))
  })

  it('waits for a client that is expected', async () => {
    const { registry, dial } = create()
    const stream = newStream()
    const dialled = dial(PORT, atOnce)
    registry.claim(tunnel(async () => stream))
    expect(await dialled).toBe(stream)
  })

  it('waits again when the client goes away before it has opened a work connection', async () => {
    const { registry, dial } = create()
    const stream = newStream()
    const { promise: lost, reject } = Promise.withResolvers<never>()
    const first = tunnel(() => lost)
    registry.claim(first)
    const dialled = dial(PORT, atOnce)
    registry.release(first)
    reject(new TunnelNotConnectedError(PORT, 'the client closed its connection'))
    registry.claim(tunnel(async () => stream))
    expect(await dialled).toBe(stream)
  })

  it('gives a client ten seconds to open a work connection, and never more than the caller has', async () => {
    const { registry, dial } = create()
    const allowed: number[] = []
    const refuse = new TunnelUnresponsiveError(PORT, 'in this test')
    registry.claim(tunnel(({ timeoutMs }) => (allowed.push(timeoutMs), Promise.reject(refuse))))
    await expect(dial(PORT, { timeoutMs: 90_000 })).rejects.toBe(refuse)
    await expect(dial(PORT, { timeoutMs: 300 })).rejects.toBe(refuse)
    expect(allowed[0]).toBe(10_000)
    expect(allowed[1]).toBeGreaterThan(250)
    expect(allowed[1]).toBeLessThanOrEqual(300)
  })

  it('stops waiting when the caller does', async () => {
    const { dial } = create()
    const caller = new AbortController()
    const dialled = dial(PORT, { ...atOnce, signal: caller.signal })
    caller.abort(new Error('the visitor went away'))
    await expect(dialled).rejects.toThrow('the visitor went away')
    await expect(dial(PORT, { ...atOnce, signal: caller.signal })).rejects.toThrow('the visitor went away')
  })
})
