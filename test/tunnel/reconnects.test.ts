import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

describeWithFrpc('a client', (version) => {
  it('comes back by itself after the server was started again', async () => {
    await using rig = await Rig.start({ tls: true })
    const client = await rig.connect({ version })
    await rig.stopServer()
    expect(rig.registry.list()).toEqual([])
    await client.waitForOutput(/try to connect to server/)
    await rig.startServer()

    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(response.statusCode).toBe(200)
  })

  it('whose session is cut logs in again with its run id, and requests that came meanwhile are answered', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version })
    const pool = rig.pool()
    const running = pool.request({ path: '/hang', method: 'GET' }).catch((error: Error) => error.message)
    await expect.poll(() => rig.exapp.requestCount).toBe(1)

    rig.registry.get(23_000)?.evict('cut by the test')
    expect(rig.registry.list()).toEqual([])
    const response = await pool.request({ path: '/heartbeat', method: 'GET' })

    expect(response.statusCode).toBe(200)
    expect(await running).toBe('the multiplexed session was closed')
    expect(rig.logLines.filter((line) => line.includes('tunnel connected'))).toHaveLength(2)
  })

  it('that stays away makes requests fail only when their time is up', async () => {
    await using rig = await Rig.start()
    const client = await rig.connect({ version })
    await client.stop()
    await expect.poll(() => rig.registry.list()).toEqual([])
    const started = performance.now()
    await expect(rig.dial(23_000, { timeoutMs: 300 })).rejects.toThrow('no client connected within')
    expect(performance.now() - started).toBeGreaterThan(290)
  })

  it('that is started while a request waits serves it', async () => {
    await using rig = await Rig.start()
    const response = rig.pool().request({ path: '/heartbeat', method: 'GET' })
    await rig.connect({ version })
    expect((await response).statusCode).toBe(200)
  })
})
