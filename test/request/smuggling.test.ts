import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type HttpExApp, startHttpExApp } from './http-exapp.ts'
import { connectRaw } from './raw-client.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

interface Received {
  readonly line: string
  readonly body: string
}

/** Would be a request of its own if any two servers disagreed about where the one before it ends. */
const hidden = 'GET /exapps/own/hidden HTTP/1.1\r\nHost: x\r\nX-Hidden: 1\r\n\r\n'
const chunkOf = (text: string, extension = ''): string => `${text.length.toString(16)}${extension}\r\n${text}\r\n`

describe('request smuggling', () => {
  let stage: Stage
  let exApp: HttpExApp
  const received: Received[] = []
  beforeAll(async () => {
    stage = await setStage({ HP_BLACKLIST_COUNT: '1000', HP_TIMEOUT_CLIENT: '1s' })
    exApp = await startHttpExApp((incoming, response) => {
      let body = ''
      incoming.setEncoding('latin1').on('data', (text: string) => (body += text))
      incoming.on('end', () => {
        received.push({ line: `${incoming.method} ${incoming.url}`, body })
        response.end('ok')
      })
    })
    stage.nextcloud.addExApp({ appId: 'own', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })
  afterEach(() => void received.splice(0))

  /** Sends these parts one by one, and gives all statuses that came until the connection was closed. */
  async function statuses(...parts: string[]): Promise<number[]> {
    const client = await connectRaw(stage.port, freshClient())
    for (const part of parts) {
      client.write(part)
      await new Promise((resolve) => setTimeout(resolve, parts.length > 1 ? 5 : 0))
    }
    const answers = (await client.closed).matchAll(/HTTP\/1\.1 (\d{3}) /g)
    return Array.from(answers, ([, status]) => Number(status))
  }
  const post = (lines: readonly string[], body = '', target = '/exapps/own/x'): string => [`POST ${target} HTTP/1.1`, 'Host: x', ...lines, '', body].join('\r\n')

  describe('by framing that can be read in two ways gets 400, and nothing whole is forwarded', () => {
    const chunked = `0\r\n\r\n${hidden}`
    it.each([
      ['CL.TE', ['Content-Length: 5', 'Transfer-Encoding: chunked'], chunked],
      ['TE.CL', ['Transfer-Encoding: chunked', 'Content-Length: 5'], chunked],
      ['CL.TE with a length of zero', ['Content-Length: 0', 'Transfer-Encoding: chunked'], chunked],
      ['TE of several lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunked],
      ['TE of several lines, chunked last', ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked', 'Content-Length: 5'], chunked],
      ['TE with a blank before its colon', ['Content-Length: 5', 'Transfer-Encoding : chunked'], chunked],
      ['TE with a tab before its colon', ['Content-Length: 5', 'Transfer-Encoding\t: chunked'], chunked],
      ['TE of another spelling', ['Content-Length: 5', 'Transfer-Encoding: xchunked'], chunked],
      ['TE that ends otherwise', ['Content-Length: 5', 'Transfer-Encoding: chunked, identity'], chunked],
      ['TE in quotes', ['Content-Length: 5', 'Transfer-Encoding: "chunked"'], chunked],
      ['TE with a vertical tab', ['Content-Length: 5', 'Transfer-Encoding: \x0bchunked'], chunked],
      ['TE with a zero byte', ['Content-Length: 5', 'Transfer-Encoding: chunked\0'], chunked],
      ['TE that is folded', ['Content-Length: 5', 'Transfer-Encoding:\r\n chunked'], chunked],
      ['TE in the fold of another line', ['Content-Length: 5', 'X: y\r\n Transfer-Encoding: chunked'], chunked],
      ['TE after a bare line feed', ['Content-Length: 5', 'X: y\nTransfer-Encoding: chunked'], chunked],
      ['TE after a bare carriage return', ['Content-Length: 5', 'X: y\rTransfer-Encoding: chunked'], chunked],
      ['TE with a line before it that has no colon', ['Content-Length: 5', 'X', 'Transfer-Encoding: chunked'], chunked],
      ['TE that is gzip', ['Transfer-Encoding: gzip'], hidden],
      ['TE that is identity', ['Transfer-Encoding: identity'], hidden],
      ['TE that is empty, beside a length', ['Content-Length: 5', 'Transfer-Encoding:'], chunked],
      ['two lengths', ['Content-Length: 0', `Content-Length: ${hidden.length}`], hidden],
      ['the same length twice', ['Content-Length: 5', 'Content-Length: 5'], `hello${hidden}`],
      ['a list of lengths', ['Content-Length: 5, 5'], `hello${hidden}`],
      ['a length with a plus', ['Content-Length: +5'], `hello${hidden}`],
      ['a length with a minus', ['Content-Length: -5'], `hello${hidden}`],
      ['a length with a point', ['Content-Length: 5.0'], `hello${hidden}`],
      ['a length in hexadecimal', ['Content-Length: 0x5'], `hello${hidden}`],
      ['a length with a blank in it', ['Content-Length: 5 5'], `hello${hidden}`],
      ['a length with letters', ['Content-Length: 5a'], `hello${hidden}`],
      ['a length beyond all numbers', ['Content-Length: 18446744073709551621'], `hello${hidden}`],
      ['a length that is empty', ['Content-Length:'], hidden],
      ['a length with a blank before its colon', ['Content-Length : 5'], `hello${hidden}`],
      ['a length that is folded', ['Content-Length:\r\n 5'], `hello${hidden}`],
      ['a blank before the first header', [' Content-Length: 5'], `hello${hidden}`],
      ['a zero byte in a name', ['Content-Length\0: 5'], `hello${hidden}`],
      ['a zero byte in a value', ['X: \0'], hidden],
      ['a bare carriage return in a value', ['X: a\rb'], hidden],
    ])('%s', async (_what, lines, body) => {
      expect((await statuses(post(lines, body))).filter((status) => status !== 400)).toEqual([])
      expect(received).toEqual([])
    })
  })

  describe('by chunks that can be read in two ways is cut, and nothing whole is forwarded', () => {
    it.each([
      ['a size with a sign', `+2\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size with 0x', `0x2\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size with a blank before it', ` 2\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size with a blank after it', `2 \r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size with an underscore', `1_0\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size that is empty', `\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size beyond all numbers', `10000000000000002\r\nok\r\n0\r\n\r\n${hidden}`],
      ['a size that ends with a bare line feed', `2\nok\r\n0\r\n\r\n${hidden}`],
      ['a size that ends with a bare carriage return', `2\rok\r\n0\r\n\r\n${hidden}`],
      ['data that ends with a bare line feed', `2\r\nok\n0\r\n\r\n${hidden}`],
      ['data that is longer than its size', `2\r\nokay\r\n0\r\n\r\n${hidden}`],
      ['an extension with a bare line feed', `2;x\nok\r\n0\r\n\r\n${hidden}`],
      ['an extension with a bare carriage return', `2;x\ry\r\nok\r\n0\r\n\r\n${hidden}`],
      ['an extension with a zero byte', `2;x=\0\r\nok\r\n0\r\n\r\n${hidden}`],
      ['an end with a bare line feed', `2\r\nok\r\n0\n\n${hidden}`],
      ['a trailer with a bare line feed', `2\r\nok\r\n0\r\nX: y\n\r\n${hidden}`],
      ['a length in a trailer', `2\r\nok\r\n0\r\nContent-Length: 100\r\n\r\n${hidden}`],
      ['TE in a trailer', `2\r\nok\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n${hidden}`],
      ['a trailer without a colon', `2\r\nok\r\n0\r\n${hidden}`],
    ])('%s', async (_what, body) => {
      expect((await statuses(post(['Transfer-Encoding: chunked'], body))).filter((status) => status !== 400)).toEqual([])
      expect(received).toEqual([])
    })
  })

  describe('by a head that can be read in two ways gets 400, and nothing is forwarded', () => {
    it.each([
      ['bare line feeds', 'GET /exapps/own/x HTTP/1.1\nHost: x\n\n'],
      ['a bare line feed after the request line', `GET /exapps/own/x HTTP/1.1\nHost: x\r\n\r\n`],
      ['a bare carriage return after the request line', 'GET /exapps/own/x HTTP/1.1\rHost: x\r\n\r\n'],
      ['a bare line feed at the end of the head', 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\n\n'],
      ['a folded line', 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n'],
      ['a blank before a colon', 'GET /exapps/own/x HTTP/1.1\r\nHost : x\r\n\r\n'],
      ['a name with a blank', 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n'],
      ['a name that is empty', 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\n: z\r\n\r\n'],
      ['two Host lines', 'GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n'],
      ['no Host line', 'GET /exapps/own/x HTTP/1.1\r\n\r\n'],
      ['a blank in the target', 'GET /exapps/own/x y HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a tab for a blank', 'GET\t/exapps/own/x\tHTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a version that does not exist', 'GET /exapps/own/x HTTP/1.2\r\nHost: x\r\n\r\n'],
      ['a version of two digits', 'GET /exapps/own/x HTTP/1.10\r\nHost: x\r\n\r\n'],
      ['HTTP/0.9', 'GET /exapps/own/x\r\n\r\n'],
      ['the preface of HTTP/2 with an end of its own', 'PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n'],
      ['another authority in absolute form', 'GET http://y/exapps/own/x HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['absolute form with a user', 'GET http://x@y/exapps/own/x HTTP/1.1\r\nHost: y\r\n\r\n'],
      ['absolute form of another scheme', 'GET ftp://x/exapps/own/x HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a method in small letters', 'get /exapps/own/x HTTP/1.1\r\nHost: x\r\n\r\n'],
    ])('%s', async (_what, bytes) => {
      expect(new Set(await statuses(bytes))).toEqual(new Set([400]))
      expect(received).toEqual([])
    })
  })

  describe('is no danger where the request is clear: it is one, and what follows is the next', () => {
    const next = 'GET /exapps/own/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    it.each([
      ['a request in a body with its length', [`Content-Length: ${hidden.length}`], hidden, hidden],
      ['a request in a chunk', ['Transfer-Encoding: chunked'], `${chunkOf(hidden)}0\r\n\r\n`, hidden],
      ['a request in an extension', ['Transfer-Encoding: chunked'], `${chunkOf('ok', ';x="GET /exapps/own/hidden HTTP/1.1"')}0\r\n\r\n`, 'ok'],
      ['a request in a trailer', ['Transfer-Encoding: chunked'], `${chunkOf('ok')}0\r\nX: GET /exapps/own/hidden HTTP/1.1\r\n\r\n`, 'ok'],
      ['a size with zeros', ['Transfer-Encoding: chunked'], '0002\r\nok\r\n000\r\n\r\n', 'ok'],
      ['a length with zeros', ['Content-Length: 002'], 'ok', 'ok'],
      ['a length with blanks around it', ['Content-Length:   2  '], 'ok', 'ok'],
      ['TE in capitals', ['TRANSFER-ENCODING: CHUNKED'], `${chunkOf('ok')}0\r\n\r\n`, 'ok'],
      ['a length that the Connection header names', ['Content-Length: 2', 'Connection: keep-alive, content-length'], 'ok', 'ok'],
      ['TE that the Connection header names', ['Transfer-Encoding: chunked', 'Connection: keep-alive, transfer-encoding'], `${chunkOf('ok')}0\r\n\r\n`, 'ok'],
      ['a name that only looks like TE', ['Content-Length: 2', 'Transfer_Encoding: chunked', 'X-Transfer-Encoding: chunked'], 'ok', 'ok'],
    ])('%s', async (_what, lines, sent, body) => {
      const pipelined = post(lines, sent) + next
      expect(await statuses(pipelined)).toEqual([200, 200])
      expect(received).toEqual([{ line: 'POST /x', body }, { line: 'GET /next', body: '' }])
      received.length = 0
      // Cut anywhere, it is the same.
      expect(await statuses(pipelined.slice(0, 40), pipelined.slice(40, pipelined.length - next.length - 3), pipelined.slice(pipelined.length - next.length - 3, -10), pipelined.slice(-10))).toEqual([200, 200])
      expect(received).toEqual([{ line: 'POST /x', body }, { line: 'GET /next', body: '' }])
    })

    it('a body that a GET has', async () => {
      expect(await statuses(`GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${next}`)).toEqual([200, 200])
      expect(received).toEqual([{ line: 'GET /x', body: hidden }, { line: 'GET /next', body: '' }])
    })

    it('a request after one that is refused before its body was read', async () => {
      stage.nextcloud.addExApp({ appId: 'closed', port: exApp.port, routes: [{ url: '.*', access_level: 1 }] })
      expect(await statuses(post([`Content-Length: ${hidden.length}`], hidden, '/exapps/closed/x') + next)).toEqual([403, 200])
      expect(received).toEqual([{ line: 'GET /next', body: '' }])
    })

    it('a request after one whose body was held back for a "continue" that never came', async () => {
      const held = post([`Content-Length: ${hidden.length}`, 'Expect: 100-continue'], hidden, '/exapps/closed/x')
      expect(await statuses(held + next)).toEqual([403]) // nobody can tell whether that was the body
      expect(received).toEqual([])
    })

    it('a body after an upgrade that is none; there is no next then', async () => {
      expect(await statuses(`POST /exapps/own/x HTTP/1.1\r\nHost: x\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${next}`)).toEqual([200])
      expect(received).toEqual([{ line: 'POST /x', body: hidden }])
    })

    it('an offer of HTTP/2 that is not taken; there is no next then', async () => {
      expect(await statuses(`GET /exapps/own/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n${next}`)).toEqual([200])
      expect(received.map(({ line }) => line)).toEqual(['GET /x'])
    })
  })
})
