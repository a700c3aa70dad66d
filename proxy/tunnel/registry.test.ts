import { describe, expect, it } from 'vitest'
import { TunnelBusyError, TunnelNotConnectedError } from './errors.ts'
import { TunnelRegistry } from './registry.ts'
import type { RegisteredTunnel } from './registry.ts'

function tunnel(proxyName: string, remotePort: number): RegisteredTunnel {
  return {
    proxyName,
    remotePort,
    owner: { kind: 'shared' },
    clientAddress: '192.0.2.1',
    clientVersion: '0.61.1',
    connectedAt: 0,
    openStreams: 0,
    bytesReceived: 0,
    bytesSent: 0,
    open: async () => Promise.reject(new Error('not in this test')),
    isAlive: async () => true,
    evict: () => {},
  }
}

describe('the registry', () => {
  it('gives a name and a port to one tunnel at a time', () => {
    const registry = new TunnelRegistry()
    const first = tunnel('one', 23_000)
    expect(registry.claim(first)).toBeUndefined()
    expect(registry.claim(tunnel('one', 23_001))).toBe(first)
    expect(registry.claim(tunnel('two', 23_000))).toBe(first)
    expect(registry.get(23_001)).toBeUndefined()

    registry.release(first)
    const second = tunnel('one', 23_000)
    expect(registry.claim(second)).toBeUndefined()
    registry.release(first) // too late to matter
    expect(registry.list()).toEqual([second])
  })

  it('lists tunnels by port', () => {
    const registry = new TunnelRegistry()
    for (const port of [23_005, 23_001, 24_001]) registry.claim(tunnel(`app${port}`, port))
    expect(registry.list().map(({ remotePort }) => remotePort)).toEqual([23_001, 23_005, 24_001])
  })

  it('expects any tunnel for 30 s after its start, and a lost one for 60 s', () => {
    let now = 1_000_000
    const registry = new TunnelRegistry({ now: () => now })
    expect(registry.isExpected(23_000)).toBe(true)
    now += 30_000
    expect(registry.isExpected(23_000)).toBe(false)
    const live = tunnel('one', 23_000)
    registry.claim(live)
    now += 1_000_000
    expect(registry.isExpected(23_000)).toBe(true)
    registry.release(live)
    now += 59_999
    expect(registry.isExpected(23_000)).toBe(true)
    now += 1
    expect(registry.isExpected(23_000)).toBe(false)
  })
})

describe('a request that waits for a tunnel', () => {
  it('has it at once when it is live', async () => {
    const registry = new TunnelRegistry()
    const live = tunnel('one', 23_000)
    registry.claim(live)
    await expect(registry.awaitTunnel(23_000, { timeoutMs: 0 })).resolves.toBe(live)
  })

  it('has it as soon as it comes', async () => {
    const registry = new TunnelRegistry()
    const waiting = [1, 2, 3].map(() => registry.awaitTunnel(23_000, { timeoutMs: 5000 }))
    registry.claim(tunnel('other', 23_001))
    const live = tunnel('one', 23_000)
    registry.claim(live)
    await expect(Promise.all(waiting)).resolves.toEqual([live, live, live])
  })

  it('gives up in time', async () => {
    const registry = new TunnelRegistry()
    await expect(registry.awaitTunnel(23_000, { timeoutMs: 5 })).rejects.toEqual(
      new TunnelNotConnectedError(23_000, 'no client connected within 5 ms'),
    )
  })

  it('gives up when its client does', async () => {
    const registry = new TunnelRegistry({ maxWaiters: 1 })
    const client = new AbortController()
    const waiting = registry.awaitTunnel(23_000, { timeoutMs: 5000, signal: client.signal })
    client.abort(new Error('the visitor went away'))
    await expect(waiting).rejects.toThrow('the visitor went away')
    const next = registry.awaitTunnel(23_000, { timeoutMs: 5000 }) // its place is free again
    registry.claim(tunnel('one', 23_000))
    await expect(next).resolves.toMatchObject({ proxyName: 'one' })
  })

  it('is turned away when too many wait', async () => {
    const registry = new TunnelRegistry({ maxWaiters: 2 })
    const waiting = [registry.awaitTunnel(23_000, { timeoutMs: 5000 }), registry.awaitTunnel(23_001, { timeoutMs: 5000 })]
    await expect(registry.awaitTunnel(23_002, { timeoutMs: 5000 })).rejects.toEqual(
      new TunnelBusyError('requests_waiting_for_tunnels', 'too many requests wait for tunnels already'),
    )
    expect(registry.waiterCount).toBe(2)
    registry.claim(tunnel('one', 23_000))
    registry.claim(tunnel('two', 23_001))
    await Promise.all(waiting)
    expect(registry.waiterCount).toBe(0)
  })

  it('is turned away when too many wait for the same tunnel; others wait as before', async () => {
    const registry = new TunnelRegistry({ maxWaitersPerTunnel: 1 })
    const waiting = [registry.awaitTunnel(23_000, { timeoutMs: 5000 })]
    await expect(registry.awaitTunnel(23_000, { timeoutMs: 5000 })).rejects.toEqual(
      new TunnelBusyError('requests_waiting_per_tunnel', 'too many requests wait for the tunnel on remote port 23000 already'),
    )
    waiting.push(registry.awaitTunnel(23_001, { timeoutMs: 5000 }))
    registry.claim(tunnel('one', 23_000))
    registry.claim(tunnel('two', 23_001))
    await Promise.all(waiting)
  })

  it('is turned away when the server stops', async () => {
    const registry = new TunnelRegistry()
    const waiting = registry.awaitTunnel(23_000, { timeoutMs: 5000 })
    registry.stop()
    await expect(waiting).rejects.toThrow('the server is stopping')
    await expect(registry.awaitTunnel(23_000, { timeoutMs: 5000 })).rejects.toThrow('the server is stopping')
    expect(registry.isExpected(23_000)).toBe(false)
  })
})
