import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answerOn, connectHttp2, type Http2Client } from './http2-client.ts'
import { connectFrames, frame, frameType } from './http2-frames.ts'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

const mebibyte = 1024 ** 2
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** What lies in kernel buffers on two loopback hops, at most 6 MiB to send and to receive each, plus our own buffers. */
const inBetween = 40 * mebibyte

describe('a body over HTTP/2', () => {
  let stage: Stage
  let exApp: HttpExApp
  let client: Http2Client
  const content = randomBytes(32 * mebibyte)
  let sent = 0
  let endlessAnswers = 0
  let readUpload = (): void => {}

  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '2s', HP_BLACKLIST_COUNT: '1000' })
    exApp = await startHttpExApp((incoming, response) => {
      if (incoming.url === '/content') {
        response.setHeader('content-length', content.length)
        response.end(content)
      } else if (incoming.url === '/endless') {
        endlessAnswers += 1
        const block = Buffer.alloc(mebibyte, 'x')
        const more = (): void => {
          while (!response.destroyed && response.write(block)) sent += block.length
          sent += block.length
        }
        response.on('drain', more).on('close', () => (endlessAnswers -= 1))
        more()
      } else if (incoming.url === '/early') {
        response.end('early, in chunks')
      } else {
        let count = 0
        readUpload = () => void incoming.on('data', (chunk: Buffer) => (count += chunk.length)).on('end', () => response.end(`${count}`))
      }
    })
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
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
    ['with its length', { 'content-length': `${content.length}` }],
    ['without', {}],
  ])('arrives at the ExApp as it was sent, %s', async (_how, headers) => {
    const { text } = await client.ask({ method: 'POST', path: '/exapps/demo/upload', headers, body: content })
    expect(JSON.parse(text)).toEqual({ length: content.length, sha256: sha256(content) })
    expect(stage.exApp.requests.at(-1)?.headers).toMatchObject('content-length' in headers ? headers : { 'transfer-encoding': 'chunked' })
  })

  it('arrives at the client as it was sent, four at once on one connection', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => client.ask({ path: '/exapps/own/content' })))
    expect(answers.map(({ body }) => sha256(body))).toEqual(Array.from({ length: 4 }, () => sha256(content)))
  })

  it('of a POST may be missing or empty', async () => {
    const { text } = await client.ask({ method: 'POST', path: '/exapps/demo/upload' })
    expect(JSON.parse(text)).toMatchObject({ length: 0 })
    expect(stage.exApp.requests.at(-1)?.headers).toMatchObject({ 'content-length': '0' })
    expect(JSON.parse((await client.ask({ method: 'POST', path: '/exapps/demo/upload', body: '' })).text)).toMatchObject({ length: 0 })
    expect(JSON.parse((await client.ask({ method: 'POST', path: '/exapps/demo/upload', headers: { 'content-length': '0' }, body: '' })).text)).toMatchObject({ length: 0 })
  })

  it('stays with the ExApp while the client does not take it; the client is cut when it never does, alone', async () => {
    sent = 0
    const stream = client.open({ path: '/exapps/own/endless' }, true)
    const answer = answerOn(stream)
    await once(stream, 'response')
    stream.pause()
    await expect.poll(() => sent).toBeGreaterThan(0)
    await expect.poll(() => endlessAnswers, { timeout: 15_000 }).toBe(0)
    expect(sent).toBeLessThan(inBetween)
    expect(await client.ask({ path: '/exapps/demo/x' })).toMatchObject({ status: 200 }) // the connection goes on
    stream.resume()
    expect(await answer).toMatchObject({ resetCode: constants.NGHTTP2_INTERNAL_ERROR })
    await expect.poll(() => stage.plane.log.findLast((line) => line['app'] === 'own')).toMatchObject({ outcome: 'client-gone' })
  })

  it('of which the client takes nothing, not even from its socket, is ended as well', async () => {
    const frames = await connectFrames(stage.port)
    const window = Buffer.of(0x7f, 0xf0, 0, 0)
    frames.write(frame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), window])), frame(frameType.windowUpdate, 0, 0, window))
    frames.get(1, '/exapps/own/endless')
    await frames.until((found) => found.type === frameType.data)
    frames.raw.socket.pause()
    await expect.poll(() => endlessAnswers, { timeout: 15_000 }).toBe(0)
    frames.raw.socket.resume()
    await frames.raw.closed // in the end its connection is idle like any other
  })

  it('stays with the client while the ExApp does not read it, however long, and then arrives whole', async () => {
    const bytes = 64 * mebibyte
    const stream = client.open({ method: 'POST', path: '/exapps/own/take', headers: { 'content-length': `${bytes}` } })
    const answer = answerOn(stream)
    const block = Buffer.alloc(mebibyte, 'x')
    let taken = 0
    for (let left = bytes; left > 0; left -= block.length) stream.write(block, () => (taken += block.length))
    stream.end()
    // Longer than a client may stay silent: it is not the slow one.
    let since = performance.now()
    let last = -1
    await expect
      .poll(
        () => {
          if (taken !== last) since = performance.now()
          last = taken
          return performance.now() - since
        },
        { timeout: 15_000 },
      )
      .toBeGreaterThan(3_000)
    expect(taken).toBeLessThan(inBetween)
    readUpload()
    expect(await answer).toMatchObject({ status: 200, text: `${bytes}` })
  })

  it('that stops is answered with 408', async () => {
    const stream = client.open({ method: 'POST', path: '/exapps/demo/upload', headers: { 'content-length': '10' } })
    stream.write('half')
    expect(await answerOn(stream)).toMatchObject({ status: 408, text: '408 Request Timeout', resetCode: 0 })
    await expect.poll(() => stage.exApp.requests.at(-1)).toMatchObject({ url: '/upload', state: 'aborted' })
  })

  it.each([
    [403, '/exapps/demo/user'],
    [413, '/exapps/demo/early'],
    [200, '/exapps/own/early'],
  ])('that is not wanted is left with the client: it gets all of %i for %s, and a reset that says nothing went wrong', async (status, path) => {
    const stream = client.open({ method: 'POST', path })
    const block = Buffer.alloc(mebibyte)
    let taken = 0
    const more = (): void =>
      void stream.write(block, (error) => {
        if (error || stream.destroyed) return
        taken += block.length
        more()
      })
    more()
    const answer = await answerOn(stream)
    // The ExApp's reset may outrun its answer: Node reports it before it reads what came ahead of it.
    expect([status, status === 413 ? 502 : status]).toContain(answer.status)
    expect(answer.text).not.toBe('')
    expect(answer.resetCode).toBe(constants.NGHTTP2_NO_ERROR)
    expect(taken).toBeLessThan(inBetween)
    expect(await client.ask({ path: '/exapps/demo/x' })).toMatchObject({ status: 200 })
  })
})
