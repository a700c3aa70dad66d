import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

const KIB = 1024

describeWithFrpc('a bandwidth limit that the server keeps', (version) => {
  it('holds for all requests of a proxy together, up and down', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version, proxySettings: 'transport.bandwidthLimit = "1MB"\ntransport.bandwidthLimitMode = "server"' })
    const pool = rig.pool()
    const started = performance.now()
    const bytes = await Promise.all([
      pool.request({ path: `/big?bytes=${1000 * KIB}`, method: 'GET' }).then(async ({ body }) => (await body.arrayBuffer()).byteLength),
      pool.request({ path: `/big?bytes=${1000 * KIB}`, method: 'GET' }).then(async ({ body }) => (await body.arrayBuffer()).byteLength),
      pool.request({ path: '/upload', method: 'POST', body: Buffer.alloc(1000 * KIB) }).then(async ({ body }) => ((await body.json()) as { length: number }).length),
    ])
    expect(bytes).toEqual([1000 * KIB, 1000 * KIB, 1000 * KIB])
    // 3000 KiB, of which 1024 may pass at once: not faster, and hardly slower
    expect(performance.now() - started).toBeGreaterThan(1900)
    expect(performance.now() - started).toBeLessThan(4000)
  })

  it('is left to the client where it says so', async () => {
    await using rig = await Rig.start()
    await rig.connect({ version, proxySettings: 'transport.bandwidthLimit = "1KB"' })
    expect(rig.registry.list()).toHaveLength(1)
  })
})
