import { once } from 'node:events'
import { constants } from 'node:http2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answerOn, connectHttp2, type Http2Answer, type Http2Client } from './http2-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { type Stage, setStage } from './stage.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('over HTTP/2, when the ExApp', () => {
  let stage: Stage
  let exApp: RawExApp
  let client: Http2Client
  let reply: (request: RawRequest) => void = () => {}
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_SERVER: '1s' })
    exApp = await startRawExApp((request) => reply(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
    stage.nextcloud.addExApp({ appId: 'down', port: 1, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })
  beforeEach(() => {
    client = connectHttp2(stage.port)
  })
  afterEach(() => client.close())

  const ask = (method = 'GET', body?: string): Promise<Http2Answer> => client.ask({ method, path: '/exapps/raw/x', ...(body === undefined ? {} : { body }) })

  it('refuses connections, the answer is 503', async () => {
    expect(await client.ask({ path: '/exapps/down/x' })).toMatchObject({ status: 503, text: '503 Service Unavailable' })
  })

  it.each([
    ['resets', (request: RawRequest) => request.socket.resetAndDestroy()],
    ['closes', (request: RawRequest) => request.socket.end()],
    ['sends no HTTP', (request: RawRequest) => request.answer('SSH-2.0-OpenSSH_9.6\r\n\r\n')],
    ['sends half a head and closes', (request: RawRequest) => request.socket.end('HTTP/1.1 200 OK\r\nContent-')],
    ['sends two lengths', (request: RawRequest) => request.answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')],
  ])('%s, the answer is 502, and other requests on the connection are served', async (_what, answer) => {
    reply = answer
    const other = client.ask({ path: '/exapps/demo/slow?ms=300' })
    expect(await ask('POST', 'body')).toMatchObject({ status: 502, text: '502 Bad Gateway' })
    expect(await other).toMatchObject({ status: 200 })
  })

  it('never answers, the answer is 504 and the ExApp is told that nobody waits any more', async () => {
    reply = () => {}
    expect(await ask()).toMatchObject({ status: 504, text: '504 Gateway Timeout' })
    await expect.poll(() => exApp.requests.at(-1)?.socket.destroyed).toBe(true)
  })

  it('stops in the middle of its answer, the stream is reset', async () => {
    reply = (request) => request.answer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    expect(await ask()).toMatchObject({ status: 200, text: 'half', resetCode: constants.NGHTTP2_INTERNAL_ERROR })
    await expect.poll(() => exApp.requests.at(-1)?.socket.destroyed).toBe(true)
  })

  describe('closes a kept connection just as it is used again,', () => {
    /** Leaves one kept connection that has served a request; returns how many requests there were. */
    async function keptOnce(): Promise<number> {
      reply = (request) => (request.numberOnConnection === 1 ? request.answer(ok) : request.socket.destroy())
      for (const request of exApp.requests) request.socket.destroy()
      await expect.poll(() => exApp.openCount).toBe(0)
      expect(await ask()).toMatchObject({ status: 200 })
      return exApp.requests.length
    }

    it.each(['GET', 'HEAD', 'OPTIONS'])('a %s is sent once more', async (method) => {
      const before = await keptOnce()
      expect(await ask(method)).toMatchObject({ status: 200 })
      expect(exApp.requests.length).toBe(before + 2)
    })

    it.each([
      ['POST', 'body'],
      ['POST', undefined],
      ['PUT', 'body'],
      ['PATCH', 'body'],
      ['DELETE', undefined],
      ['GET', 'body'],
    ])('a %s is not: it may have had its effect (body: %j)', async (method, body) => {
      const before = await keptOnce()
      expect(await ask(method, body)).toMatchObject({ status: 502 })
      expect(exApp.requests.length).toBe(before + 1)
    })
  })

  it('sends events, each is passed on within 100 ms, before there is another', async () => {
    reply = (request) => request.answer('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    const stream = client.open({ path: '/exapps/raw/events' }, true)
    const ended = answerOn(stream)
    await once(stream, 'response')
    const source = exApp.requests.at(-1)
    const delays: number[] = []
    for (let event = 1; event <= 20; event++) {
      const sentAt = performance.now()
      source?.answer(`9\r\ndata: ${event % 10}\n\n\r\n`)
      // A proxy that waits for more before it passes something on would wait for ever here.
      await once(stream, 'data')
      delays.push(performance.now() - sentAt)
    }
    // The median: a busy machine may hold up one of them.
    expect(delays.toSorted((a, b) => a - b)[10]).toBeLessThan(100)
    source?.answer('0\r\n\r\n')
    expect((await ended).text.match(/data: \d\n\n/g)).toHaveLength(20)
  })
})
