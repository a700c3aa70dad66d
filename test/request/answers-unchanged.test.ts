import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendForAnswer } from '../support/send.ts'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { type Stage, setStage } from './stage.ts'

/** Every byte from 0x80 to 0xFF, as latin1. */
const highBytes = String.fromCharCode(...Array.from({ length: 128 }, (_, at) => 128 + at))

describe('an answer of the ExApp', () => {
  let stage: Stage
  let exApp: RawExApp
  /** What the raw ExApp says next. */
  let reply: (request: RawRequest) => void = () => {}

  beforeAll(async () => {
    stage = await setStage()
    exApp = await startRawExApp((request) => reply(request))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  /** Asks the raw ExApp and returns the client's bytes: the lines of the head, and the body. */
  async function ask(answer: string, { method = 'GET', version = '1.1', more = '' } = {}): Promise<{ lines: string[]; body: string }> {
    reply = (request) => request.answer(answer)
    const received = await exchangeRaw(stage.port, `${method} /exapps/raw/x HTTP/${version}\r\nHost: x\r\nConnection: close\r\n${more}\r\n`)
    const end = received.indexOf('\r\n\r\n')
    return { lines: received.slice(0, end).split('\r\n'), body: received.slice(end + 4) }
  }
  const named = (lines: readonly string[], name: string): string[] => lines.filter((line) => line.toLowerCase().startsWith(`${name}:`))

  it('keeps its Content-Length, its status text and its own Date', async () => {
    const { lines, body } = await ask('HTTP/1.1 299 Quite Fine\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n\r\nhello')
    expect(lines).toEqual(['HTTP/1.1 299 Quite Fine', 'Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Content-Length: 5', 'Connection: close'])
    expect(body).toBe('hello')
  })

  it('has no body for HEAD, and says how long it would be', async () => {
    const { lines, body } = await ask('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n', { method: 'HEAD' })
    expect(named(lines, 'content-length')).toEqual(['Content-Length: 12345'])
    expect(body).toBe('')
  })

  it.each(['204 No Content', '304 Not Modified'])('has neither body nor chunks with %s', async (status) => {
    const { lines, body } = await ask(`HTTP/1.1 ${status}\r\nETag: "one"\r\n\r\n`)
    expect(lines[0]).toBe(`HTTP/1.1 ${status}`)
    expect(lines).toContain('ETag: "one"')
    expect([...named(lines, 'content-length'), ...named(lines, 'transfer-encoding')]).toEqual([])
    expect(body).toBe('')
  })

  it('stays in chunks where the ExApp sends chunks', async () => {
    const { lines, body } = await ask('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
    expect(named(lines, 'transfer-encoding')).toEqual(['Transfer-Encoding: chunked'])
    expect(named(lines, 'content-length')).toEqual([])
    expect(body).toBe('5\r\nhello\r\n0\r\n\r\n')
  })

  it('gets chunks when only its end shows its length', async () => {
    reply = (request) => {
      request.answer('HTTP/1.0 200 OK\r\n\r\nhello')
      request.socket.end()
    }
    const received = await exchangeRaw(stage.port, 'GET /exapps/raw/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(received).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/)
  })

  it('comes without chunks to a client that speaks HTTP/1.0', async () => {
    const { lines, body } = await ask('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n', { version: '1.0' })
    expect(named(lines, 'transfer-encoding')).toEqual([])
    expect(body).toBe('hello')
  })

  it('keeps its trailers', async () => {
    const { body } = await ask('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: caf\xe9\r\n\r\n', { more: 'TE: trailers\r\n' })
    expect(body).toBe('5\r\nhello\r\n0\r\nX-Sum: caf\xe9\r\n\r\n')
  })

  it('keeps each of its cookies on a line of its own, in order', async () => {
    const { lines } = await ask('HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\nX-Between: 1\r\nSet-Cookie: a=3\r\nContent-Length: 0\r\n\r\n')
    expect(named(lines, 'set-cookie')).toEqual(['Set-Cookie: a=1', 'set-cookie: b=2; Path=/', 'Set-Cookie: a=3'])
  })

  it('says one thing about its connection and its date, and that is ours', async () => {
    const { lines } = await ask('HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=77\r\nProxy-Connection: keep-alive\r\nContent-Length: 0\r\n\r\n')
    expect(named(lines, 'connection')).toEqual(['Connection: close'])
    expect(named(lines, 'date')).toHaveLength(1)
    expect(lines.filter((line) => /^(x-hop|keep-alive|proxy-connection):/i.test(line))).toEqual([])
  })

  it('is not compressed and not unpacked', async () => {
    const received = await exchangeRaw(stage.port, 'GET /exapps/demo/gzip HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip, br\r\n\r\n')
    const body = Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1')
    expect(received).toMatch(new RegExp(`content-length: ${body.length}\r\n`, 'i'))
    expect(gunzipSync(body).toString()).toMatch(/^compressed by the ExApp\n/)
    const plain = await sendForAnswer({ port: stage.port, path: '/exapps/demo/headers?x=1', headers: { 'Accept-Encoding': 'gzip, br' } })
    expect(plain.headers['content-encoding']).toBeUndefined()
  })

  it.each([
    ['with its body', 'Content-Length: 2\r\n\r\nok', ''],
    ['without a body', 'Content-Length: 0\r\n\r\n', ''],
    ['with a body that comes later', 'Content-Length: 2\r\n\r\n', 'ok'],
  ])('keeps header bytes from 0x80 to 0xFF, %s', async (_when, rest, later) => {
    let finish = (): void => {}
    reply = (request) => {
      request.answer(`HTTP/1.1 200 OK\r\nX-Bytes: ${highBytes}\r\n${rest}`)
      finish = () => request.answer(later)
    }
    const client = await connectRaw(stage.port)
    client.write('GET /exapps/raw/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await client.until('\r\n\r\n')).toContain(`\r\nX-Bytes: ${highBytes}\r\n`)
    finish()
    await client.closed
  })

  it.each([['UTF-8', 'Fein gemacht: \xc3\xa4'], ['nothing', '']])('may have a status text of %s', async (_what, text) => {
    const { lines, body } = await ask(`HTTP/1.1 200 ${text}\r\nContent-Length: 2\r\n\r\nok`)
    expect(lines[0]).toBe(`HTTP/1.1 200 ${text}`)
    expect(body).toBe('ok')
  })

  it('may have a status text of bytes in no known encoding', async () => {
    expect((await ask('HTTP/1.1 200 Sch\xf6n\r\nContent-Length: 2\r\n\r\nok')).body).toBe('ok')
  })
})

describe('a request of the client', () => {
  let stage: Stage
  let exApp: RawExApp
  beforeAll(async () => {
    stage = await setStage()
    exApp = await startRawExApp((request) => request.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  async function headAtExApp(lines: string): Promise<string[]> {
    const received = await exchangeRaw(stage.port, `GET /exapps/raw/x HTTP/1.1\r\nHost: cloud.example\r\nConnection: close\r\n${lines}\r\n`)
    expect(received).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    return exApp.requests.at(-1)?.head.split('\r\n') ?? []
  }

  it('keeps header bytes from 0x80 to 0xFF (HaRP: 503, Q34)', async () => {
    expect(await headAtExApp(`X-Bytes: ${highBytes}\r\n`)).toContain(`X-Bytes: ${highBytes}`)
  })

  it('may have 12 KiB of cookies (HaRP: 503, Q34)', async () => {
    const cookie = `a=${'x'.repeat(6 * 1024)}; b=${'y'.repeat(6 * 1024)}`
    expect(await headAtExApp(`Cookie: ${cookie}\r\n`)).toContain(`Cookie: ${cookie}`)
  })

  it('keeps its Host, the spelling and the order of its headers, and repeated ones', async () => {
    const lines = await headAtExApp('X-One: 1\r\nx-tWo: 2\r\nX-One: 3\r\nAccept-Encoding: br\r\nUser-Agent: test\r\n')
    expect(lines.filter((line) => !/^(connection|ex-app|authorization-app|aa-)/i.test(line))).toEqual([
      'GET /x HTTP/1.1',
      'host: cloud.example',
      'X-One: 1',
      'x-tWo: 2',
      'X-One: 3',
      'Accept-Encoding: br',
      'User-Agent: test',
    ])
  })

  it('leaves what concerns its own hop behind', async () => {
    const lines = await headAtExApp('Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\n')
    expect(lines.filter((line) => /^(x-hop|keep-alive|te|proxy-authorization|upgrade):/i.test(line))).toEqual([])
    expect(lines.filter((line) => /^connection:/i.test(line))).toEqual(['connection: keep-alive'])
  })

  it.each(['DELETE', 'PROPFIND', 'OPTIONS', 'GET', 'PATCH', 'QUERY'])('may be %s and have a body', async (method) => {
    const body = 'body of any method'
    const answer = await sendForAnswer({ port: stage.port, path: '/exapps/demo/echo', method, headers: { 'Content-Length': `${body.length}` }, body })
    expect(JSON.parse(answer.text)).toMatchObject({ method, body: { length: body.length } })
  })

  it.each(['POST', 'DELETE', 'GET'])('may be %s and have none', async (method) => {
    const answer = await sendForAnswer({ port: stage.port, path: '/exapps/demo/echo', method })
    expect(JSON.parse(answer.text)).toMatchObject({ method, body: { length: 0 } })
  })
})
