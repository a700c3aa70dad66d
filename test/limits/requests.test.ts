import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectHttp2, type Http2Client } from '../request/http2-client.ts'
import { connectFrames, getFields } from '../request/http2-frames.ts'
import { connectRaw, exchangeRaw } from '../request/raw-client.ts'
import { directHeaders, freshClient } from '../request/stage.ts'
import { sharedKey } from '../support/data-plane.ts'
import { statusOf } from '../support/send.ts'
import { describeLimits, type LimitStage, setLimitStage } from './limit-stage.ts'

describeLimits('visitors’ requests', () => {
  let stage: LimitStage
  const clients: Http2Client[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await stage.close()
  })
  const http2From = (address: string): Http2Client => {
    const client = connectHttp2(stage.port, address)
    clients.push(client)
    return client
  }
  /** Starts requests that are never answered, and waits until the ExApp has them. */
  const hang = async (client: Http2Client, count: number): Promise<void> => {
    const before = stage.exApp.requestCount
    for (let n = 0; n < count; n++) client.open({ path: '/exapps/demo/hang' }, true).on('error', () => {})
    await expect.poll(() => stage.exApp.requestCount).toBe(before + count)
  }

  describe('that run at once', () => {
    beforeEach(async () => {
      stage = await setLimitStage({ HARPOON_MAX_CONNECTIONS: '16' })
    })

    it('are half of all for one client; one more is answered with 503, others are served, AppAPI too', async () => {
      const busy = http2From('127.8.1.1')
      await hang(busy, 8)
      expect(await busy.ask({ path: '/exapps/demo/public' })).toMatchObject({ status: 503, text: '503 Service Unavailable' })
      expect(await stage.timesReached('http_requests_per_client')).toBe(1)
      expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'overloaded', status: 503, client: '127.8.1.1', msg: 'too many requests of one client run at once' })
      await stage.expectOthersServed()
      expect(await statusOf({ port: stage.port, path: '/exapps/demo/heartbeat', headers: directHeaders(), from: '127.8.1.1' })).toBe(200)
    })

    it('are as many as there may be together, whoever asks; their places are free when they have ended', async () => {
      const [one, other] = [http2From('127.8.1.1'), http2From('127.8.1.2')]
      await hang(one, 8)
      await hang(other, 7)
      await stage.expectOthersServed()
      await hang(other, 1)
      expect(await statusOf({ port: stage.port, path: '/exapps/demo/public', from: '127.8.1.3' })).toBe(503)
      expect(await stage.timesReached('http_requests')).toBe(1)
      other.close()
      await expect.poll(() => statusOf({ port: stage.port, path: '/exapps/demo/public', from: '127.8.1.3' })).toBe(200)
      await stage.expectOthersServed()
    })
  })

  const get = (path: string): string => `GET /exapps/demo/${path} HTTP/1.1\r\nHost: x\r\n\r\n`

  it('may be sent ahead until so many wait on all connections; the connection that goes beyond is closed', async () => {
    stage = await setLimitStage({}, { limits: { pipelinedRequests: 3 } })
    const [one, other] = [await connectRaw(stage.port, freshClient()), await connectRaw(stage.port, freshClient())]
    one.write(get('hang') + get('public') + get('public'))
    other.write(get('hang') + get('public'))
    await expect.poll(() => stage.exApp.requestCount).toBe(2)
    const third = await connectRaw(stage.port, freshClient())
    third.write(get('hang') + get('public'))
    expect(await third.closed).toBe('')
    expect(await stage.timesReached('pipelined_requests')).toBe(1)
    expect([one.socket.closed, other.socket.closed]).toEqual([false, false])
    await stage.expectOthersServed()
    one.socket.destroy()
    await one.closed
    const fourth = await connectRaw(stage.port, freshClient())
    fourth.write(get('status/418') + get('status/418'))
    await expect.poll(() => fourth.received.match(/HTTP\/1.1 418/g)).toHaveLength(2)
    for (const { socket } of [other, fourth]) socket.destroy()
  })

  describe('that are larger than they may be', () => {
    beforeEach(async () => {
      stage = await setLimitStage()
    })
    const cases = [
      ['request_head_bytes', 431, [['x', 'x'.repeat(33 * 1024)]]],
      ['request_headers', 400, Array.from({ length: 100 }, (_, n) => [`x-${n}`, '1'])],
    ] as const

    it.each(cases)('are refused for their %s with %i, in either version of HTTP', async (limit, status, fields) => {
      const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
      expect(await exchangeRaw(stage.port, `GET /exapps/demo/public HTTP/1.1\r\nHost: x\r\n${lines}\r\n`)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(await stage.timesReached(limit)).toBe(1)
      const client = http2From(freshClient())
      const split = fields.flatMap(([name = '', value = '']) => (value.length > 20_000 ? [[name, value.slice(16_500)], [`${name}-2`, value.slice(0, 16_500)]] : [[name, value]]))
      expect(await client.ask({ path: '/exapps/demo/public', headers: Object.fromEntries(split) })).toMatchObject({ status })
      expect(await stage.timesReached(limit)).toBe(2)
      await stage.expectOthersServed()
    })

    it('are refused for the body of a control call with 413', async () => {
      const headers = { 'harp-shared-key': sharedKey }
      expect(await statusOf({ port: stage.port, method: 'POST', path: '/exapps/app_api/exapp_storage/x', headers, body: Buffer.alloc(1024 ** 2 + 1) })).toBe(413)
      expect(await stage.timesReached('control_body_bytes')).toBe(1)
      await stage.expectOthersServed()
    })

    it('end a connection of HTTP/2 that goes beyond what it was told', async () => {
      const client = await connectFrames(stage.port, freshClient())
      await client.until(({ type, flags }) => type === 4 && flags === 1)
      client.write(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]))
      for (let stream = 1; stream < 203; stream += 2) client.get(stream, getFields('/exapps/demo/hang')[2]?.[1] ?? '')
      await client.raw.closed
      expect(await stage.timesReached('http2_connection')).toBe(1)
      await stage.expectOthersServed()
    })
  })
})
