import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

describeWithFrpc('a server that stops', (version) => {
  it('lets requests finish that run, and then closes', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version })
    const pool = rig.pool()
    const running = pool.request({ path: '/slow?ms=600', method: 'GET' })
    await expect.poll(() => rig.exapp.requestCount).toBe(1)

    const stopped = rig.stopServer(10_000)
    await expect(rig.dial(23_001, { timeoutMs: 5000 })).rejects.toThrow('no tunnel on remote port 23001: no client is connected')
    const response = await running
    expect(response.statusCode).toBe(200)
    await response.body.dump()
    await pool.close()
    await stopped
    expect(rig.registry.list()).toEqual([])
  })

  it('ends what takes longer than it has', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version })
    const running = rig.pool().request({ path: '/hang', method: 'GET' }).catch((error: Error) => error.message)
    await expect.poll(() => rig.exapp.requestCount).toBe(1)
    const started = performance.now()
    await rig.stopServer(300)
    expect(await running).toBe('the multiplexed session was closed')
    expect(performance.now() - started).toBeLessThan(3000)
  })

  it('frees its port, and keeps nobody who has no request waiting', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version })
    const started = performance.now()
    await rig.stopServer(10_000)
    expect(performance.now() - started).toBeLessThan(3000)
    await rig.startServer()
  })
})
