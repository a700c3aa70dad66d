import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

describeWithFrpc('a tunnel', (version) => {
  for (const tls of [false, true]) {
    it(`carries a request ${tls ? 'over mutual TLS' : 'over plain TCP when TLS is off'}`, async () => {
      await using rig = await Rig.start({ tls })
      const client = await rig.connect({ version })

      const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })

      expect(await response.body.json()).toEqual({ status: 'ok' })
      expect(rig.registry.list()).toEqual([
        {
          remotePort: 23_000,
          proxyName: 'test_app',
          owner: { kind: 'shared' },
          clientAddress: '127.0.0.1',
          clientVersion: version,
          connectedAt: expect.any(Number),
          openStreams: 1,
          bytesReceived: expect.any(Number),
          bytesSent: expect.any(Number),
          open: expect.any(Function),
          isAlive: expect.any(Function),
          evict: expect.any(Function),
        },
      ])
      await client.waitForOutput(/\[test_app\] start proxy success/)
      expect(rig.logLines.join('\n')).not.toContain('a shared key of the tests')
    })
  }
})
