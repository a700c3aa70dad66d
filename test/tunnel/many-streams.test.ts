import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { Rig, describeWithFrpc } from './rig.ts'

const STREAMS = 2000

/** Opened at a time. */
const BATCH = 200

describeWithFrpc('through one tunnel', (version) => {
  it('2,000 streams are open at once, each of use, as many WebSockets need them', async () => {
    await using rig = await Rig.start({ tls: true })
    await rig.connect({ version })
    const streams: Duplex[] = []
    const ask = async (stream: Duplex, path: string): Promise<string> => {
      const answer = once(stream, 'data')
      stream.write(`GET /status/418?${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      return String((await answer)[0])
    }
    while (streams.length < STREAMS) {
      const opened = await Promise.all(Array.from({ length: BATCH }, () => rig.dial(23_000, { timeoutMs: 10_000 })))
      // A stream that is not asked anything is closed by the ExApp after five seconds.
      for (const stream of opened) stream.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
      streams.push(...opened)
      await expect.poll(() => rig.exapp.requestCount, { timeout: 10_000 }).toBe(streams.length) // it lets no more than 511 wait to be accepted
    }
    expect(rig.registry.get(23_000)?.openStreams).toBe(STREAMS)
    expect(streams.filter(({ destroyed }) => destroyed)).toHaveLength(0)
    const one = await rig.dial(23_000, { timeoutMs: 10_000 })
    expect(await ask(one, 'one-more')).toMatch(/^HTTP\/1.1 418 /)
    for (const stream of [...streams, one]) stream.destroy()
    await expect.poll(() => rig.registry.get(23_000)?.openStreams).toBe(0)
    expect(await rig.timesReached('frp_streams_per_session')).toBe(0)
    expect(await rig.timesReached('frp_unasked_streams_per_session')).toBe(0)
  }, 60_000)
})
