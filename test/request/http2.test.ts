import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sharedKey } from '../support/data-plane.ts'
import { answerOn, connectHttp2, type Http2Client } from './http2-client.ts'
import { type RawExApp, type RawRequest, startRawExApp } from './raw-exapp.ts'
import { freshClient, type Stage, setStage, userCookie } from './stage.ts'

describe('over HTTP/2', () => {
  let stage: Stage
  let exApp: RawExApp
  let reply: (request: RawRequest) => void = () => {}
  let client: Http2Client
  beforeAll(async () => {
    stage = await setStage({ HP_BLACKLIST_COUNT: '1000' })
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

  const answering = (bytes: string): void => {
    reply = (request) => {
      request.answer(bytes)
      request.socket.end()
    }
  }

  describe('a request', () => {
    it('reaches the ExApp as one of HTTP/1.1: its authority as Host, its cookies in one line, nothing of HTTP/2', async () => {
      const { status } = await client.ask({ path: '/exapps/demo/x?a=%2F&&b', headers: { cookie: ['a=1', userCookie, 'b=2'], 'x-y': ['1', '2'], te: 'trailers', 'harp-shared-key': 'no' } })
      expect(status).toBe(200)
      const received = stage.exApp.requests.at(-1)
      expect(received).toMatchObject({ method: 'GET', url: '/x?a=%2F&&b', httpVersion: '1.1' })
      const lines = [
        ['host', `127.0.0.1:${stage.port}`],
        ['connection', 'keep-alive'],
        ['cookie', `a=1; ${userCookie}; b=2`],
        ['x-y', '1'],
        ['x-y', '2'],
        ['ex-app-id', 'demo'],
        ['ex-app-version', '1.2.3'],
        ['authorization-app-api', Buffer.from('usr:tok').toString('base64')],
        ['aa-version', '32'],
      ]
      expect(received?.rawHeaders).toEqual(lines.flat())
    })

    it('may name its host in either way, not in two that differ', async () => {
      const asked = async (headers: Record<string, string>) => (await client.ask({ path: '/exapps/demo/x', headers })).status
      expect(await asked({ ':authority': 'a.example' })).toBe(200)
      expect(stage.exApp.requests.at(-1)?.headers.host).toBe('a.example')
      expect(await asked({ host: 'b.example' })).toBe(200)
      expect(stage.exApp.requests.at(-1)?.headers.host).toBe('b.example')
      expect(await asked({ ':authority': 'c.example', host: 'C.example' })).toBe(200)
      expect(stage.exApp.requests.at(-1)?.rawHeaders.filter((text) => /^c\.example$/i.test(text))).toHaveLength(1)
      const before = stage.exApp.requestCount
      expect(await asked({ ':authority': 'c.example', host: 'd.example' })).toBe(400)
      expect(stage.exApp.requestCount).toBe(before)
    })

    it('keeps each byte of its path and query, and of a header value', async () => {
      const target = '/p//a/./b%2f%20c;x=1?q="<>`{|}\\^&%zz=/../'
      await client.ask({ path: `/exapps/demo${target}`, headers: { 'x-latin': 'caf\xe9' } })
      expect(stage.exApp.requests.at(-1)).toMatchObject({ url: target, headers: { 'x-latin': 'caf\xe9' } })
    })

    it('is decided like any other: 403, 404, a climbing path, the control API', async () => {
      const status = async (path: string, headers = {}) => (await client.ask({ path, headers })).status
      expect(await status('/exapps/demo/user')).toBe(403)
      expect(await status('/exapps/demo/user', { cookie: userCookie })).toBe(200)
      expect(await status('/exapps/unknown/x')).toBe(404)
      expect(await status('/exapps/demo/p/../x')).toBe(0)
      expect(await status('/exapps/demo/x#y')).toBe(400)
      expect(await status('/exapps/app_api/info')).toBe(401)
      expect(await status('/exapps/app_api/info', { 'harp-shared-key': sharedKey })).toBe(200)
    })

    it('of AppAPI gets the control API whole: bodies, refusals and their headers', async () => {
      const key = { 'harp-shared-key': sharedKey }
      expect(await client.ask({ method: 'POST', path: '/exapps/app_api/info', headers: key })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
      expect(await client.ask({ method: 'POST', path: '/exapps/app_api/exapp_storage/demo', headers: key, body: 'no JSON' })).toMatchObject({ status: 400 })
      expect(await client.ask({ method: 'HEAD', path: '/exapps/app_api/info', headers: key })).toMatchObject({ status: 200, headers: { 'content-length': '64' }, text: '', resetCode: 0 })
      expect(await client.ask({ method: 'DELETE', path: '/exapps/app_api/exapp_storage/demo', headers: key })).toMatchObject({ status: 204 })
    })
  })

  describe('an answer', () => {
    it('comes as the ExApp gave it: status, headers, each byte', async () => {
      answering('HTTP/1.1 418 Tea\r\nContent-Length: 3\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\n\r\ntea')
      const { rawHeaders, text, resetCode } = await client.ask({ path: '/exapps/raw/x' })
      const received = ['content-length', '3', 'date', 'Sun, 01 Jan 2023 00:00:00 GMT', 'set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-latin', 'caf\xe9', 'content-type', 'a/b', 'content-type', 'c/d']
      expect({ rawHeaders, text, resetCode }).toEqual({ rawHeaders: [':status', '418', ...received], text: 'tea', resetCode: 0 })
    })

    it('has its trailers, announced or not', async () => {
      answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n')
      expect(await client.ask({ path: '/exapps/raw/x' })).toMatchObject({ text: 'ok', trailers: { 'x-sum': '1, 2' }, resetCode: 0 })
    })

    it('may have a length and no body', async () => {
      expect(await client.ask({ method: 'HEAD', path: '/exapps/demo/big?bytes=1000' })).toMatchObject({ status: 200, headers: { 'content-length': '1000' }, text: '', resetCode: 0 })
      expect(await client.ask({ path: '/exapps/demo/status/304' })).toMatchObject({ status: 304, headers: { etag: '"one"' }, text: '', resetCode: 0 })
      expect(await client.ask({ path: '/exapps/demo/status/204' })).toMatchObject({ status: 204, text: '', resetCode: 0 })
      answering('HTTP/1.1 205 Reset Content\r\nContent-Length: 4\r\n\r\nbody')
      expect(await client.ask({ path: '/exapps/raw/x' })).toMatchObject({ status: 205, text: '', resetCode: 0 })
    })

    it('that HTTP/2 has no words for is 502', async () => {
      answering('HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok')
      expect(await client.ask({ path: '/exapps/raw/x' })).toMatchObject({ status: 502, text: '502 Bad Gateway' })
      expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'closed', status: 502 })
    })

    it('of events comes event by event, its head before the first', async () => {
      const stream = client.open({ path: '/exapps/demo/stream?events=3&intervalMs=200' }, true)
      const came: number[] = []
      stream.on('response', () => came.push(performance.now())).on('data', () => came.push(performance.now()))
      expect(await answerOn(stream)).toMatchObject({ status: 200, resetCode: 0 })
      const [first = 0, second = 0, third = 0] = came.slice(1)
      expect(second - first).toBeGreaterThan(100)
      expect(third - second).toBeGreaterThan(100)
    })
  })

  it('"100-continue" is answered when the request is allowed, and then only', async () => {
    const continued = async (path: string): Promise<boolean> => {
      const stream = client.open({ method: 'PUT', path, headers: { expect: '100-continue' } })
      let told = false
      stream.on('continue', () => {
        told = true
        stream.end('body')
      })
      const { status } = await answerOn(stream)
      expect(status).toBe(told ? 200 : 403)
      return told
    }
    expect(await continued('/exapps/demo/upload')).toBe(true)
    expect(stage.exApp.requests.at(-1)).toMatchObject({ bodyLength: 4 })
    expect(stage.exApp.requests.at(-1)?.headers).not.toHaveProperty('expect')
    expect(await continued('/exapps/demo/user')).toBe(false)
    expect(await client.ask({ path: '/exapps/demo/x', headers: { expect: 'the-best' } })).toMatchObject({ status: 417 })
  })

  it('a hundred requests at once share one connection, and none waits for another', async () => {
    const slow = client.open({ path: '/exapps/demo/hang' }, true)
    const paths = Array.from({ length: 99 }, (_, at) => `/x/${at}`)
    const answers = await Promise.all(paths.map((path) => client.ask({ path: `/exapps/demo${path}` })))
    expect(answers.map(({ text }) => (JSON.parse(text) as { url: string }).url)).toEqual(paths)
    slow.close()
    await once(slow, 'close')
  })

  it('a WebSocket is not offered', async () => {
    const [settings] = (await once(client.session, 'remoteSettings')) as [{ enableConnectProtocol?: boolean }]
    expect(settings.enableConnectProtocol ?? false).toBe(false)
  })
})
