import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectRaw, exchangeRaw } from './raw-client.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

const mebibyte = 1024 ** 2

describe('a client', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage({ HP_TIMEOUT_CLIENT: '1s', HP_BLACKLIST_COUNT: '3' })
  })
  afterAll(() => stage.close())

  const statusLine = async (request: string, from = freshClient()): Promise<string> => (await exchangeRaw(stage.port, request, from)).split('\r\n', 1)[0] ?? ''
  const get = (lines: string, target = '/exapps/demo/echo'): string => `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n`

  describe('that is slow', () => {
    it('gets 408 when its request head never comes', async () => {
      const sentAt = performance.now()
      expect(await statusLine('')).toBe('HTTP/1.1 408 Request Timeout')
      expect(performance.now() - sentAt).toBeLessThan(5_000)
    })

    it('gets 408 when its request head drips', async () => {
      const client = await connectRaw(stage.port)
      client.write('GET /exapps/demo/echo HTTP/1.1\r\nHost: x\r\n')
      const drip = setInterval(() => client.write('X: y\r\n'), 100)
      expect(await client.closed).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
      clearInterval(drip)
    })

    it('gets 408 when its body stops, and the ExApp is told', async () => {
      const answer = await exchangeRaw(stage.port, 'POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
      expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
      await expect.poll(() => stage.exApp.requests.at(-1)).toMatchObject({ url: '/upload', state: 'aborted' })
      expect(stage.plane.log.at(-1)).toMatchObject({ outcome: 'client-timeout', status: 408, level: 'info' })
    })

    it('may take longer than the limit for its body as long as it keeps sending', async () => {
      const client = await connectRaw(stage.port)
      client.write('POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20\r\n\r\n')
      let sent = 0
      const drip = setInterval(() => {
        client.write('x')
        if (++sent === 20) clearInterval(drip)
      }, 100)
      expect(await client.closed).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    })

    it('keeps its idle connection for the limit, and is then closed without a word', async () => {
      const client = await connectRaw(stage.port)
      client.write('GET /exapps/demo/status/204 HTTP/1.1\r\nHost: x\r\n\r\n')
      const answer = await client.until('\r\n\r\n')
      expect(await client.closed).toBe(answer)
    })
  })

  describe('that sends too much', () => {
    it('gets 431 for a head beyond 32 KiB, and not for one below', async () => {
      expect(await statusLine(get(`X: ${'x'.repeat(33 * 1024)}\r\n`))).toBe('HTTP/1.1 431 Request Header Fields Too Large')
      expect(await statusLine(get('', `/${'x'.repeat(33 * 1024)}`))).toBe('HTTP/1.1 431 Request Header Fields Too Large')
      expect(await statusLine(get(`X: ${'x'.repeat(31 * 1024)}\r\n`))).toBe('HTTP/1.1 200 OK')
    })

    it('gets 400 for 101 headers, and not for 100', async () => {
      const lines = (count: number): string => Array.from({ length: count - 2 }, (_, at) => `X-${at}: 1\r\n`).join('')
      expect(await statusLine(get(lines(101)))).toBe('HTTP/1.1 400 Bad Request')
      expect(await statusLine(get(lines(100)))).toBe('HTTP/1.1 200 OK')
    })
  })

  describe('that sends bad HTTP', () => {
    const before = (): number => stage.exApp.requestCount

    it.each([
      ['two Host lines', get('Host: y\r\n')],
      ['no Host line', 'GET /exapps/demo/echo HTTP/1.1\r\n\r\n'],
      ['a # in the target', get('', '/exapps/demo/echo#x')],
      ['a byte beyond ASCII in the path', get('', '/exapps/demo/\xe4')],
      ['a byte beyond ASCII in the query', get('', '/exapps/demo/echo?\xc3\xa4')],
      ['a tab in the target', get('', '/exapps/demo/echo?a\tb')],
      ['Content-Length together with chunks', 'POST /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      ['two lengths', 'POST /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
      ['a length that is no number', 'POST /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na'],
      ['an encoding that is not chunked', 'POST /exapps/demo/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n'],
      ['bare line feeds', 'GET /exapps/demo/echo HTTP/1.1\nHost: x\n\n'],
      ['a folded line', get('X: a\r\n b\r\n')],
      ['a blank before the colon', get('X : a\r\n')],
      ['a bare carriage return in a header', get('X: a\rb\r\n')],
      ['a zero byte in a header', get('X: a\0b\r\n')],
      ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
      ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
      ['the target *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
      ['another authority than its Host in absolute form', get('', 'http://y/exapps/demo/echo')],
    ])('gets 400 for %s, and nothing is forwarded', async (_what, request) => {
      const count = before()
      expect(await statusLine(request)).toBe('HTTP/1.1 400 Bad Request')
      expect(stage.exApp.requestCount).toBe(count)
    })

    it('gets 400 for a chunk that is none, and the ExApp is not told that the body is whole', async () => {
      const count = before()
      const client = await connectRaw(stage.port)
      client.write('POST /exapps/demo/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
      await expect.poll(() => stage.exApp.requests.at(-1)?.bodyLength).toBe(2)
      client.write('nonsense\r\n')
      expect(await client.closed).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
      await expect.poll(() => stage.exApp.requests.at(-1)).toMatchObject({ url: '/upload', state: 'aborted', bodySha256: undefined })
      expect(stage.exApp.requestCount).toBe(count + 1)
    })

    it('is cut, not answered, when that happens in the middle of its answer', async () => {
      const client = await connectRaw(stage.port)
      client.write('POST /exapps/demo/stream?intervalMs=20 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
      await client.until('data: 2')
      client.write('nonsense\r\n')
      expect(await client.closed).not.toContain('400')
    })
  })

  it('may use the absolute form with its own authority, and the ExApp gets the origin form', async () => {
    expect(await statusLine(get('', 'http://X/exapps/demo/echo?a=b'))).toBe('HTTP/1.1 200 OK')
    expect(stage.exApp.requests.at(-1)?.url).toBe('/echo?a=b')
  })

  it('gets no way through with CONNECT, and may hang up as it likes', async () => {
    expect(await statusLine('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('HTTP/1.1 405 Method Not Allowed')
    const client = await connectRaw(stage.port)
    client.write('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n')
    client.socket.resetAndDestroy()
    expect(await statusLine(get(''))).toBe('HTTP/1.1 200 OK')
  })

  describe('that is refused', () => {
    it('may go on using its connection', async () => {
      const client = await connectRaw(stage.port, freshClient())
      client.write('GET /exapps/demo/user HTTP/1.1\r\nHost: x\r\n\r\n')
      await client.until('403 Forbidden\r\n')
      client.write('POST /exapps/demo/user HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /exapps/demo/status/418 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      expect((await client.closed).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403', 'HTTP/1.1 418'])
    })

    it('gets its answer in the middle of an upload, and cannot make us read the rest of it', async () => {
      const client = await connectRaw(stage.port, freshClient())
      const bytes = 512 * mebibyte
      client.write(`POST /exapps/demo/user HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`)
      const block = Buffer.alloc(mebibyte)
      let taken = 0
      const pour = (): void => {
        client.socket.write(block, (error) => {
          if (error || taken >= bytes) return
          taken += block.length
          pour()
        })
      }
      pour()
      expect(await client.closed).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
      expect(taken).toBeLessThan(32 * mebibyte)
    })

    it('is cut when the rest of its upload trickles', async () => {
      const client = await connectRaw(stage.port, freshClient())
      client.write('POST /exapps/demo/user HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
      const drip = setInterval(() => client.write('x'), 100)
      expect(await client.closed).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
      clearInterval(drip)
    })

    it('gets not a byte when it is banned', async () => {
      const from = freshClient()
      for (let failure = 0; failure < 3; failure++) await exchangeRaw(stage.port, get('', '/exapps/demo/user'), from)
      expect(await exchangeRaw(stage.port, get(''), from)).toBe('')
    })
  })
})
