import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

describeWithFrpc('a recreated container', (version) => {
  for (const tls of [false, true]) {
    it(`has the tunnel of its frozen predecessor within seconds, ${tls ? 'over TLS' : 'over plain TCP'}`, async () => {
      await using rig = await Rig.start({ tls })
      const frozen = await rig.connect({ version })
      const before = rig.registry.get(23_000)
      const running = await rig.dial(23_000, { timeoutMs: 5000 })
      const ended = new Promise((resolve) => running.once('close', resolve))
      frozen.kill('SIGSTOP')
      try {
        const started = performance.now()
        await rig.startClient({ version })
        await expect.poll(() => rig.registry.get(23_000) !== before && rig.registry.get(23_000), { timeout: 5000 }).toBeTruthy()
        const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
        expect(response.statusCode).toBe(200)
        expect(performance.now() - started).toBeLessThan(5000)
        await ended // what ran through the lost tunnel does not hang
        expect(rig.logLines.join('\n')).toContain('it did not answer while another client claimed its tunnel')
      } finally {
        frozen.kill('SIGCONT')
      }
    })
  }
})
