import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectHttp2 } from './http2-client.ts'
import { code, connectFrames, flag, frame, type FrameClient, frameType, getFields, headerBlock, preface, settingsFrame } from './http2-frames.ts'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { freshClient, type Stage, setStage, userCookie } from './stage.ts'

const path = '/exapps/demo/x'

describe('a client of HTTP/2', () => {
  let stage: Stage
  let client: FrameClient
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '1s', HP_BLACKLIST_COUNT: '1000' })
  })
  afterAll(() => stage.close())
  beforeEach(async () => {
    client = await connectFrames(stage.port, freshClient())
  })
  afterEach(async () => {
    client.close()
    // Whatever it did: others are served.
    const other = connectHttp2(stage.port)
    const { status } = await other.ask({ path })
    other.close()
    if (status !== 200) throw new Error(`another client got ${status}`)
  })

  const acknowledged = async (): Promise<void> => {
    await client.until((found) => found.type === frameType.settings && found.flags === flag.ack)
    client.write(frame(frameType.settings, flag.ack, 0))
  }
  const setting = async (id: number): Promise<number | undefined> => {
    const { payload } = await client.until((found) => found.type === frameType.settings && found.flags === 0)
    for (let at = 0; at < payload.length; at += 6) if (payload.readUInt16BE(at) === id) return payload.readUInt32BE(at + 2)
    return undefined
  }
  /** Status of an answer as nghttp2 writes it: from its static table (RFC 7541 appendix A), or by its digits. */
  const statusOn = async (stream: number): Promise<string> => {
    const { payload } = await client.until((found) => found.type === frameType.headers && found.stream === stream)
    const known = new Map([[0x88, '200'], [0x8c, '400'], [0x8d, '404']])
    // A literal one has the name of index 8; its digits are in Huffman code, two bytes of them.
    return known.get(payload[0] ?? 0) ?? (payload[0] === 0x48 ? `literal ${payload.subarray(1, 4).toString('hex')}` : 'none')
  }

  describe('that sends too much', () => {
    it('may have a hundred requests at once; one more, against what it agreed to, ends its connection', async () => {
      expect(await setting(3)).toBe(100)
      await acknowledged()
      const before = stage.exApp.requestCount
      for (let stream = 1; stream < 201; stream += 2) client.get(stream, '/exapps/demo/hang')
      await expect.poll(() => stage.exApp.requestCount).toBe(before + 100)
      client.get(201, '/exapps/demo/hang')
      expect(await client.goAway()).toBe(code.protocol)
      await client.raw.closed
      await expect.poll(() => stage.exApp.requests.filter(({ state }) => state === 'running').length).toBe(0)
      expect(stage.exApp.requestCount).toBe(before + 100)
    })

    it('has the limit of requests from the start, not only once it agrees', async () => {
      const before = stage.exApp.requestCount
      client.write(...Array.from({ length: 150 }, (_, at) => frame(frameType.headers, flag.endHeaders | flag.endStream, 1 + 2 * at, headerBlock(getFields('/exapps/demo/hang')))))
      expect([code.refused, code.enhanceYourCalm]).toContain(await client.resetOf(299))
      await expect.poll(() => stage.exApp.requestCount).toBe(before + 100)
    })

    it('gets 431 for a head beyond 32 KiB, and not for one below', async () => {
      client.get(1, path, [['x', 'x'.repeat(15 * 1024)]])
      expect(await statusOn(1)).toBe('200')
      sendLong(3, 31 * 1024)
      expect(await statusOn(3)).toBe('200')
      const before = stage.exApp.requestCount
      sendLong(5, 33 * 1024)
      expect(await statusOn(5)).toMatch(/^literal/)
      expect(stage.exApp.requestCount).toBe(before)
    })

    it('has a stream reset whose head is far beyond', async () => {
      await acknowledged()
      sendLong(1, 80 * 1024)
      expect(await client.resetOf(1)).toBe(code.enhanceYourCalm)
    })

    it('gets 400 for 101 headers, and not for 100; cookies count as one', async () => {
      const fields = (count: number): [string, string][] => Array.from({ length: count - 1 }, (_, at) => [`x-${at}`, '1'])
      client.get(1, path, fields(100))
      expect(await statusOn(1)).toBe('200')
      client.get(3, path, fields(101))
      expect(await statusOn(3)).toBe('400')
      client.get(5, path, [...fields(99), ...Array.from({ length: 180 }, (_, at): [string, string] => ['cookie', `c${at}=1`])])
      expect(await statusOn(5)).toBe('200')
      client.get(7, path, fields(500))
      expect(await client.resetOf(7)).toBe(code.enhanceYourCalm)
    })

    it('cannot fill memory with a header that it repeats by its number in the table', async () => {
      // One literal of 4,000 bytes with incremental indexing, then references of one byte each: 60 MB if they were believed.
      const big = Buffer.concat([Buffer.of(0x40), headerBlock([['x', 'y'.repeat(4000)]]).subarray(1)])
      const bomb = Buffer.concat([headerBlock(getFields(path)), big, Buffer.alloc(12_000, 0xbe)])
      client.write(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, bomb))
      expect(await client.resetOf(1)).toBe(code.enhanceYourCalm)
    })

    it('is cut at its ninth CONTINUATION, however small', async () => {
      client.write(frame(frameType.headers, flag.endStream, 1, headerBlock(getFields(path))))
      for (let sent = 0; sent < 20; sent++) client.write(frame(frameType.continuation, 0, 1))
      expect(await client.goAway()).not.toBe(code.noError)
      await client.raw.closed
    })

    it('is cut when it takes back one request after the other (rapid reset)', async () => {
      const before = stage.exApp.requestCount
      for (let stream = 1; stream < 4000; stream += 2) {
        client.get(stream, '/exapps/demo/hang')
        client.write(frame(frameType.reset, 0, stream, Buffer.of(0, 0, 0, code.cancel)))
      }
      await client.goAway()
      await client.raw.closed
      expect(stage.exApp.requestCount - before).toBeLessThan(600)
      await expect.poll(() => stage.exApp.requests.filter(({ state }) => state === 'running').length).toBe(0)
    })

    it('is cut when it has us reset one request after the other (made you reset)', async () => {
      // A window that is opened by nothing is the stream's error, not the connection's (RFC 9113 §6.9).
      for (let stream = 1; stream < 4000; stream += 2) {
        client.get(stream, '/exapps/demo/hang')
        client.write(frame(frameType.windowUpdate, 0, stream, Buffer.alloc(4)))
      }
      await client.goAway()
      await client.raw.closed
      await expect.poll(() => stage.exApp.requests.filter(({ state }) => state === 'running').length).toBe(0)
    })

    it.each([
      ['PING', frame(frameType.ping, 0, 0, Buffer.alloc(8))],
      ['SETTINGS', frame(frameType.settings, 0, 0, Buffer.of(0, 4, 0, 1, 0, 0))],
    ])('is cut when it asks for answers to %s that it does not take', async (_what, asked) => {
      await client.until((found) => found.type === frameType.settings)
      client.raw.socket.pause()
      const many = Buffer.concat(Array.from({ length: 10_000 }, () => asked))
      let ended = false
      client.raw.socket.once('close', () => (ended = true)).once('error', () => (ended = true))
      const pour = (): void => {
        if (!ended) client.raw.socket.write(many, () => setImmediate(pour))
      }
      pour()
      await expect.poll(() => ended, { timeout: 15_000 }).toBe(true)
    })

    it('is cut for DATA without a byte, again and again', async () => {
      client.write(frame(frameType.headers, flag.endHeaders, 1, headerBlock(getFields('/exapps/demo/upload', [], 'POST'))))
      for (let sent = 0; sent < 1_000; sent++) client.write(frame(frameType.data, 0, 1))
      await client.raw.closed
      await expect.poll(() => stage.exApp.requests.filter(({ state }) => state === 'running').length).toBe(0)
    })

    it('is cut for a SETTINGS frame with many entries', async () => {
      client.write(frame(frameType.settings, 0, 0, Buffer.concat(Array.from({ length: 1_000 }, () => Buffer.of(0, 99, 0, 0, 0, 1)))))
      expect(await client.goAway()).not.toBe(code.noError)
      await client.raw.closed
    })

    it('cannot send more of a body than the window that it was given', async () => {
      const window = await setting(4)
      expect(window).toBe(256 * 1024)
      await acknowledged()
      stage.nextcloud.setFault('user-info', { kind: 'delay', ms: 500 }) // nobody reads the body before it is known whose it is
      client.write(frame(frameType.headers, flag.endHeaders, 1, headerBlock(getFields('/exapps/demo/user', [['cookie', userCookie]], 'POST'))))
      const block = frame(frameType.data, 0, 1, Buffer.alloc(16_384))
      client.write(...Array.from({ length: 400 }, () => block))
      const ended = await client.until((found) => found.type === frameType.goAway || (found.type === frameType.reset && found.stream === 1))
      expect(ended.payload.readUInt32BE(ended.type === frameType.goAway ? 4 : 0)).toBe(code.flowControl)
      stage.nextcloud.clearFaults()
    })
  })

  describe('that is slow', () => {
    it.each([
      ['sends nothing', []],
      ['sends half of the preface', [preface.subarray(0, 12)]],
    ])('gets 408 as one of HTTP/1.1 does when it %s', async (_what, parts) => {
      const raw = await connectRaw(stage.port)
      for (const part of parts) raw.write(part)
      expect(await raw.closed).toMatch(/^HTTP\/1.1 408 /)
    })

    it.each([
      ['sends nothing after the preface', [preface]],
      ['never asks for anything', [preface, settingsFrame]],
      ['sends half of a head', [preface, settingsFrame, frame(frameType.headers, flag.endStream, 1, headerBlock(getFields(path)))]],
    ])('is told to go when it %s', async (_what, parts) => {
      const since = performance.now()
      await exchangeRaw(stage.port, Buffer.concat(parts))
      expect(performance.now() - since).toBeLessThan(5_000)
    })

    it('is told to go when it does nothing but PING', async () => {
      const pings = setInterval(() => client.write(frame(frameType.ping, 0, 0, Buffer.alloc(8))), 100)
      expect(await client.goAway()).toBe(code.noError)
      await client.raw.closed
      clearInterval(pings)
    })

    it('is told to go when it is idle after a request, not while one runs', async () => {
      client.get(1, '/exapps/demo/slow?ms=2500')
      await client.until((found) => found.type === frameType.data && found.stream === 1)
      expect(client.frames.some(({ type }) => type === frameType.goAway)).toBe(false)
      expect(await client.goAway()).toBe(code.noError)
      await client.raw.closed
    })
  })

  /** A head longer than one frame may be. */
  function sendLong(stream: number, bytes: number): void {
    const values = Array.from({ length: Math.ceil(bytes / 8_000) }, (_, at): [string, string] => [`x-${at}`, 'x'.repeat(Math.min(8_000, bytes - at * 8_000))])
    const block = headerBlock(getFields(path, values))
    const parts = Array.from({ length: Math.ceil(block.length / 16_384) }, (_, at) => block.subarray(at * 16_384, (at + 1) * 16_384))
    parts.forEach((part, at) => client.write(frame(at === 0 ? frameType.headers : frameType.continuation, (at === 0 ? flag.endStream : 0) | (at === parts.length - 1 ? flag.endHeaders : 0), stream, part)))
  }
})
