import { once } from 'node:events'
import { constants } from 'node:http2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { code, connectFrames, flag, frame, frameType, getFields, headerBlock } from './http2-frames.ts'
import { answerOn, connectHttp2, type Http2Client } from './http2-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

describe('over HTTP/2', () => {
  let stage: Stage
  let exApp: RawExApp
  let reply: (request: RawRequest) => void = () => {}
  let client: Http2Client
  beforeAll(async () => {
    stage = await setStage({ HP_BLACKLIST_COUNT: '3' })
    exApp = await startRawExApp((request) => reply(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })
  beforeEach(() => {
    client = connectHttp2(stage.port, freshClient())
  })
  afterEach(() => client.close())

  it.each([
    ['takes it back', 'while it waits for the answer', '/exapps/demo/hang', code.cancel],
    ['takes it back, and says that nothing is wrong,', 'while it waits for the answer', '/exapps/demo/hang', code.noError],
    ['disconnects', 'while it waits for the answer', '/exapps/demo/hang', undefined],
    ['takes it back', 'in the middle of the answer', '/exapps/demo/stream', code.cancel],
    ['takes it back, and says that nothing is wrong,', 'in the middle of the answer', '/exapps/demo/stream', code.noError],
    ['disconnects', 'in the middle of the answer', '/exapps/demo/stream', undefined],
    ['takes it back', 'in the middle of its upload', '/exapps/demo/upload', code.cancel],
    ['takes it back, and says that nothing is wrong,', 'in the middle of its upload', '/exapps/demo/upload', code.noError],
    ['disconnects', 'in the middle of its upload', '/exapps/demo/upload', undefined],
  ])("when the client %s %s, the ExApp's request ends within 2 s", async (_how, _when, path, reset) => {
    const count = stage.exApp.requestCount
    const frames = await connectFrames(stage.port)
    if (path.endsWith('/upload')) {
      frames.write(frame(frameType.headers, flag.endHeaders, 1, headerBlock(getFields(path, [], 'POST'))), frame(frameType.data, 0, 1, 'half of it'))
    } else frames.get(1, path)
    await expect.poll(() => stage.exApp.requestCount).toBe(count + 1)
    if (path.endsWith('/stream')) await frames.until((found) => found.type === frameType.data)
    if (reset === undefined) frames.close()
    else frames.write(frame(frameType.reset, 0, 1, Buffer.of(0, 0, 0, reset)))
    await expect.poll(() => stage.exApp.requests.at(-1)?.state, { timeout: 2_000 }).toBe('aborted')
    expect(stage.exApp.requests.at(-1)?.bodySha256).toBeUndefined() // half a body is never taken for a whole one
    await expect.poll(() => stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-gone', status: 0, level: 'info' })
    frames.close()
  })

  it.each([
    ['its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('when the ExApp ends its body before %s, the client sees that the rest is missing', async (_what, bytes) => {
    reply = (request) => {
      request.answer(bytes)
      request.socket.end()
    }
    expect(await client.ask({ path: '/exapps/raw/x' })).toMatchObject({ status: 200, text: 'half', resetCode: constants.NGHTTP2_INTERNAL_ERROR })
    expect(await client.ask({ path: '/exapps/demo/x' })).toMatchObject({ status: 200 })
  })

  it('when the ExApp closes the connection without an answer, the client gets 502', async () => {
    reply = (request) => void request.socket.resetAndDestroy()
    expect(await client.ask({ method: 'POST', path: '/exapps/raw/x' })).toMatchObject({ status: 502, text: '502 Bad Gateway' })
  })

  it('what is dropped is reset without a byte, and only that: other visitors may share the connection', async () => {
    const from = freshClient()
    const frames = await connectFrames(stage.port, from)
    const dropped = async (stream: number): Promise<number> => {
      const reset = await frames.resetOf(stream)
      expect(frames.frames.filter((found) => found.stream === stream)).toHaveLength(1)
      return reset
    }
    frames.get(1, '/exapps/demo/stream')
    await frames.until((found) => found.type === frameType.data && found.stream === 1)
    for (const stream of [3, 5, 7]) {
      frames.get(stream, '/exapps/demo/heartbeat')
      expect(await dropped(stream)).toBe(constants.NGHTTP2_CANCEL)
    }
    // Three failures ban: from now on that holds for everything.
    frames.get(9, '/exapps/demo/public')
    expect(await dropped(9)).toBe(constants.NGHTTP2_CANCEL)
    const before = frames.frames.length
    await frames.until((found) => found.type === frameType.data && frames.frames.indexOf(found) >= before)
    frames.close()
  })

  it('a body that a HEAD request has is refused, and one that is cut never looks whole', async () => {
    const stream = client.open({ method: 'HEAD', path: '/exapps/demo/upload' }, false)
    stream.write('half')
    expect(await answerOn(stream)).toMatchObject({ status: 400 })
  })

  it('a client that ends its side of the connection ends all its requests', async () => {
    const count = stage.exApp.requestCount
    const frames = await connectFrames(stage.port)
    frames.get(1, '/exapps/demo/hang')
    await expect.poll(() => stage.exApp.requestCount).toBe(count + 1)
    frames.raw.socket.end()
    await expect.poll(() => stage.exApp.requests.at(-1)?.state, { timeout: 2_000 }).toBe('aborted')
    await frames.raw.closed
  })

  it('a client that says that it goes gets the answers that it waits for', async () => {
    const frames = await connectFrames(stage.port)
    frames.get(1, '/exapps/demo/slow?ms=300')
    frames.write(frame(frameType.goAway, 0, 0, Buffer.alloc(8)))
    const body = await frames.until((found) => found.type === frameType.data && found.stream === 1)
    expect(body.payload.toString()).toContain('/slow?ms=300')
    await frames.raw.closed
  })
})

describe('a stop', () => {
  it('tells clients of HTTP/2 to go, finishes what runs, and refuses what comes', async () => {
    const stage = await setStage({ HARPOON_STOP_TIMEOUT: '10s' })
    const [busy, idle] = [connectHttp2(stage.port), connectHttp2(stage.port)]
    expect(await idle.ask({ path: '/exapps/demo/x' })).toMatchObject({ status: 200 })
    const running = busy.ask({ path: '/exapps/demo/slow?ms=1000' })
    await expect.poll(() => stage.exApp.requestCount).toBe(2)
    const told = [once(busy.session, 'goaway'), once(idle.session, 'close')]
    const closed = stage.close()
    await Promise.all(told)
    expect(await running).toMatchObject({ status: 200 })
    await closed
  })

  it('does not wait for those that never end, nor for clients that do not go', async () => {
    const stage = await setStage({ HARPOON_STOP_TIMEOUT: '1s' })
    const client = connectHttp2(stage.port)
    const stream = client.open({ path: '/exapps/demo/stream' }, true)
    const ended = answerOn(stream)
    await once(stream, 'data')
    const frames = await connectFrames(stage.port)
    await frames.until((found) => found.type === frameType.settings)
    const since = performance.now()
    await stage.close()
    expect(performance.now() - since).toBeLessThan(4_000)
    expect((await ended).status).toBe(200)
    await frames.raw.closed
  })
})
