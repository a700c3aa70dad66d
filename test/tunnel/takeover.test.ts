import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'
import type { RigOptions } from './rig.ts'

const transports: readonly (readonly [string, RigOptions, string])[] = [
  ['over TLS', { tls: true }, ''],
  ['over plain TCP', {}, ''],
  ['in a websocket', {}, 'transport.protocol = "websocket"'],
  ['with a connection for each request', {}, 'transport.tcpMux = false'],
  ['with a TLS connection for each request', { tls: true }, 'transport.tcpMux = false'],
]

describeWithFrpc('a recreated container', (version) => {
  for (const [title, options, settings] of transports) {
    it(`has the tunnel of its frozen predecessor within seconds, ${title}`, async () => {
      await using rig = await Rig.start(options)
      const frozen = await rig.connect({ version, settings })
      const before = rig.registry.get(23_000)
      const running = await rig.dial(23_000, { timeoutMs: 5000 })
      const ended = new Promise((resolve) => running.once('close', resolve))
      frozen.kill('SIGSTOP')
      try {
        const started = performance.now()
        await rig.startClient({ version, settings })
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

  it('does not get the tunnel of a predecessor that lives, with a connection for each request', async () => {
    await using rig = await Rig.start()
    const settings = 'transport.tcpMux = false'
    await rig.connect({ version, settings })
    const newcomer = await rig.startClient({ version, settings })
    await newcomer.waitForOutput(/start error: proxy \[test_app\] already exists/)
    const response = await rig.pool().request({ path: '/heartbeat', method: 'GET' })
    expect(response.statusCode).toBe(200)
  })
})
