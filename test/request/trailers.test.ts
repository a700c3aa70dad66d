import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOn, connectHttp2, type Http2Client } from './http2-client.ts'
import { exchangeRaw } from './raw-client.ts'
import { type Stage, setStage } from './stage.ts'

/** Trailer fields, and which of them belong behind a body. */
const fields = ['X-Checksum: abc', 'X-Checksum: def', 'X-Caf: caf\xe9']
const misplaced = ['Authorization: Basic x', 'Harp-Shared-Key: sk', 'Ex-App-Id: other', 'AUTHORIZATION-APP-API: x', 'X-Forwarded-For: 1.2.3.4', 'Te: trailers', 'Host: y', 'Cookie: a=b']

describe('what a message has behind its body', () => {
  let stage: Stage
  let client: Http2Client
  beforeAll(async () => {
    stage = await setStage()
    client = connectHttp2(stage.port)
  })
  afterAll(async () => {
    client.close()
    await stage.close()
  })

  const upload = (trailers: readonly string[], body = '4\r\nbody\r\n', method = 'POST'): Promise<string> =>
    exchangeRaw(stage.port, `${method} /exapps/demo/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`)
  const received = () => stage.exApp.requests.at(-1)

  it('reaches the ExApp with a body in chunks', async () => {
    expect(await upload(fields)).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(received()).toMatchObject({ bodyLength: 4, trailers: { 'x-checksum': 'abc, def', 'x-caf': 'caf\xe9' } })
  })

  it('leaves the connection to the ExApp as good as before', async () => {
    const before = stage.exApp.connectionCount
    for (let count = 0; count < 3; count++) await upload(fields, '4\r\nbody\r\n1\r\n!\r\n')
    await upload([])
    expect(received()).toMatchObject({ bodyLength: 4, trailers: {} })
    expect(stage.exApp.connectionCount - before).toBeLessThanOrEqual(1)
  })

  it.each(misplaced)('is left out where it has no place there: %s', async (line) => {
    expect(await upload([line, 'X-Other: stays'])).toMatch(/^HTTP\/1.1 200 /)
    expect(received()?.trailers).toEqual({ 'x-other': 'stays' })
    expect(received()?.headers).toMatchObject({ host: 'x', 'ex-app-id': 'demo' })
  })

  it('is left out where the ExApp is sent a length: a body in chunks that is empty', async () => {
    expect(await upload(fields, '')).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(received()).toMatchObject({ bodyLength: 0, trailers: {}, headers: { 'content-length': '0' } })
  })

  it('reaches the ExApp from HTTP/2 too', async () => {
    const stream = client.session.request({ ':method': 'POST', ':path': '/exapps/demo/upload' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': ['abc', 'def'], 'harp-shared-key': 'sk', cookie: 'a=b' }))
    stream.end('body')
    expect(await answerOn(stream)).toMatchObject({ status: 200 })
    expect(received()).toMatchObject({ bodyLength: 4, trailers: { 'x-checksum': 'abc, def' } })
    expect(Object.keys(received()?.trailers ?? {})).toEqual(['x-checksum'])
  })

  it('reaches the client from the ExApp, over HTTP/1.1 and HTTP/2', async () => {
    const answer = await exchangeRaw(stage.port, 'GET /exapps/demo/trailers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/\r\n0\r\nX-Checksum: abc\r\n\r\n$/)
    expect(await client.ask({ path: '/exapps/demo/trailers' })).toMatchObject({ text: 'body before trailers\n', trailers: { 'x-checksum': 'abc' } })
  })
})
