import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { constants } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOn, connectHttp2 } from './http2-client.ts'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { type RawExApp, startRawExApp } from './raw-exapp.ts'
import { type Stage, setStage } from './stage.ts'

const go = 'HTTP/1.1 100 Continue\r\nX-Why: none\r\n\r\n'
const processing = 'HTTP/1.1 102 Processing\r\n\r\n'
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </caf\xe9.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: here\r\n\r\n'
const passedHints = 'HTTP/1.1 103 Early Hints\r\nLink: </caf\xe9.css>; rel=preload\r\n\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What an ExApp says before its answer. */
describe('an interim response of the ExApp', () => {
  let stage: Stage
  let exApp: RawExApp
  let says = ''
  beforeAll(async () => {
    stage = await setStage()
    exApp = await startRawExApp((request) => request.answer(says))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  const head = (method = 'GET', version = '1.1', more = ''): string => `${method} /exapps/raw/x HTTP/${version}\r\nHost: x\r\nConnection: close\r\n${more}\r\n`
  const ask = async (text: string): Promise<string> => (await exchangeRaw(stage.port, text)).replace(/^Date: .*\r\n/m, '')

  it.each([
    ['100 Continue, which nobody asked for, is kept to ourselves', go + ok, ''],
    ['several of them too', go + go + ok, ''],
    ['102 Processing is passed on', processing + ok, processing],
    ['103 Early Hints too, less what is for the next hop only', hints + ok, passedHints],
    ['all of them in their order', processing + go + hints + go + hints + ok, processing + passedHints + passedHints],
  ])('%s', async (_what, bytes, passed) => {
    says = bytes
    const before = exApp.connectionCount
    const answer = await ask(head())
    expect(answer.startsWith(`${passed}HTTP/1.1 200 OK\r\n`)).toBe(true)
    expect(answer).toMatch(/\r\n\r\nok$/)
    // The connection to the ExApp is as good as before.
    expect(await ask(head())).toBe(answer)
    expect(exApp.connectionCount - before).toBeLessThanOrEqual(1)
  })

  it.each(['POST', 'PUT'])('is no answer to the body of a %s', async (method) => {
    says = go + hints + ok
    expect(await ask(`${head(method, '1.1', 'Content-Length: 4\r\n')}body`)).toMatch(/^HTTP\/1.1 103 [^]*HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nok$/)
    expect(await ask(`${head(method, '1.1', 'Content-Length: 4\r\nExpect: 100-continue\r\n')}body`)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 103 [^]*HTTP\/1.1 200 OK\r\n/)
  })

  it('comes as soon as the ExApp says it', async () => {
    says = hints
    const client = await connectRaw(stage.port)
    client.write(head())
    expect(await client.until('\r\n\r\n')).toBe(passedHints)
    exApp.requests.at(-1)?.answer(ok)
    expect(await client.closed).toMatch(/\r\n\r\nok$/)
  })

  it('is not shown to clients of HTTP/1.0, which would take it for the answer', async () => {
    says = hints + ok
    expect(await ask(head('GET', '1.0'))).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  })

  it('is passed on over HTTP/2 too, but not 100', async () => {
    says = go + hints + processing + ok
    const client = connectHttp2(stage.port)
    const stream = client.open({ path: '/exapps/raw/x' }, true)
    const interim: IncomingHttpHeaders[] = []
    stream.on('headers', (fields: IncomingHttpHeaders) => interim.push(fields))
    expect(await answerOn(stream)).toMatchObject({ status: 200, text: 'ok', resetCode: constants.NGHTTP2_NO_ERROR })
    expect(interim).toMatchObject([{ ':status': 103, link: '</caf\xe9.css>; rel=preload' }, { ':status': 102 }])
    client.close()
    await once(client.session, 'close')
  })

  it('is taken 16 times for one request and no more often', async () => {
    says = hints.repeat(16) + ok
    expect((await ask(head())).split('HTTP/1.1 103 ')).toHaveLength(17)
    says = hints.repeat(17) + ok
    expect(await ask(head())).toMatch(/HTTP\/1.1 502 Bad Gateway\r\n[^]*$/)
    expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'closed', status: 502 })
    const metrics = await (await fetch(`http://127.0.0.1:${stage.plane.ports.admin}/metrics`, { headers: { connection: 'close' } })).text()
    expect(metrics).toContain('harpoon_limit_reached_total{limit="interim_responses"} 1\n')
  })

  it('comes before an upgrade without harm', async () => {
    says = `${go}${hints}HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello`
    const client = await connectRaw(stage.port)
    client.write('GET /exapps/raw/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    expect(await client.until('hello')).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n[^]*\r\n\r\nhello$/)
    client.socket.destroy()
  })
})
