import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { code, connectFrames, flag, frame, type FrameClient, frameType, getFields, headerBlock } from './http2-frames.ts'
import { type RawExApp, startRawExApp } from './raw-exapp.ts'
import { freshClient, type Stage, setStage } from './stage.ts'

type Fields = readonly (readonly [string, string])[]

/** What a careless proxy would write into the HTTP/1.1 request upstream, and what would then be a second one. */
const hidden = 'GET /exapps/hidden HTTP/1.1'
const path = '/exapps/raw/x'

describe('a request head of HTTP/2', () => {
  let stage: Stage
  let exApp: RawExApp
  beforeAll(async () => {
    stage = await setStage({ HP_BLACKLIST_COUNT: '1000' })
    exApp = await startRawExApp((request) => request.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    stage.nextcloud.addExApp({ appId: 'raw', port: exApp.port, routes: [{ url: '.*', access_level: 0 }] })
  })
  afterAll(async () => {
    await stage.close()
    await exApp.close()
  })

  /** Sends a head, with a body where there is one, and gives what came back: the status byte of an answer, or how it was refused. */
  async function outcome(fields: Fields, body?: string): Promise<string> {
    const client = await connectFrames(stage.port, freshClient())
    client.write(frame(frameType.headers, flag.endHeaders | (body === undefined ? flag.endStream : 0), 1, headerBlock(fields)))
    if (body !== undefined) client.write(frame(frameType.data, flag.endStream, 1, body))
    const result = await verdict(client)
    client.close()
    return result
  }

  async function verdict(client: FrameClient): Promise<string> {
    const found = await client.until(({ type, stream }) => type === frameType.goAway || (stream === 1 && (type === frameType.headers || type === frameType.reset)))
    if (found.type === frameType.goAway) return `connection ended with ${found.payload.readUInt32BE(4)}`
    if (found.type === frameType.reset) return `reset with ${found.payload.readUInt32BE(0)}`
    // As nghttp2 writes a status: an index of its static table, or literally with its digits in Huffman code (RFC 7541).
    const known = new Map([['88', '200'], ['8c', '400'], ['8d', '404']])
    const start = found.payload.toString('hex', 0, 1)
    return known.get(start) ?? `other: ${found.payload.toString('hex', 0, 5)}`
  }

  const without = (name: string): Fields => getFields(path).filter(([field]) => field !== name)
  const instead = (name: string, value: string): Fields => getFields(path).map(([field, old]) => [field, field === name ? value : old] as const)

  describe('that HTTP/2 forbids gets no answer but a reset, and nothing is forwarded', () => {
    it.each<[string, Fields, string?]>([
      ['a name in capitals', getFields(path, [['X-Y', '1']])],
      ['connection', getFields(path, [['connection', 'close']])],
      ['keep-alive', getFields(path, [['keep-alive', '5']])],
      ['proxy-connection', getFields(path, [['proxy-connection', 'close']])],
      ['transfer-encoding', getFields(path, [['transfer-encoding', 'chunked']]), `0\r\n\r\n${hidden}\r\n\r\n`],
      ['upgrade', getFields(path, [['upgrade', 'websocket']])],
      ['te other than trailers', getFields(path, [['te', 'chunked']])],
      ['two paths', getFields(path, [[':path', '/exapps/hidden']])],
      ['a pseudo-header after the others', [...without(':path'), ['x', '1'], [':path', path]]],
      ['two authorities', [...getFields(path), [':authority', 'y']]],
      ['two methods', [...getFields(path), [':method', 'POST']]],
      ['two hosts', [...without(':authority'), ['host', 'x'], ['host', 'x']]],
      ['neither authority nor host', without(':authority')],
      ['an unknown pseudo-header', [...getFields(path), [':status', '200']]],
      ['a protocol without our leave (RFC 8441)', [[':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':path', path], [':authority', 'x']]],
      ['no path', without(':path')],
      ['no method', without(':method')],
      ['no scheme', without(':scheme')],
      ['an empty path', instead(':path', '')],
      ['a path with a blank', instead(':path', `${path} HTTP/1.1`)],
      ['a path with a line break', instead(':path', `${path} HTTP/1.1\r\nHost: x\r\n\r\n${hidden}`)],
      ['a path with a zero byte', instead(':path', `${path}\0`)],
      ['a method with a blank', instead(':method', 'GET / HTTP/1.1')],
      ['a method with a line break', instead(':method', `GET / HTTP/1.1\r\n\r\n${hidden}\r\n`)],
      ['an authority with a line break', instead(':authority', 'x\r\nx-y: 1')],
      ['an authority with a blank', instead(':authority', 'x y')],
      ['a length that is no number', getFields(path, [['content-length', '+2']], 'POST'), 'ab'],
      ['two lengths', getFields(path, [['content-length', '2'], ['content-length', '2']], 'POST'), 'ab'],
      ['a length that is less than the body', getFields(path, [['content-length', '2']], 'POST'), `ab${hidden}`],
      ['a length that is more than the body', getFields(path, [['content-length', '100']], 'POST'), 'ab'],
      ['a length and no body', getFields(path, [['content-length', '2']], 'POST')],
    ])('%s', async (_what, fields, body) => {
      expect(await outcome(fields, body)).toMatch(new RegExp(`^(?:reset with ${code.protocol}|connection ended with (?:${code.protocol}|${code.internal}))$`))
      await nothingWhole()
    })
  })

  describe('that HTTP/1.1 would not have gets 400, and nothing is forwarded', () => {
    it.each<[string, Fields, string?]>([
      ['a host that is not the authority', getFields(path, [['host', 'y']])],
      ['a method that nobody knows', instead(':method', 'FROBNICATE')],
      ['a method in small letters', instead(':method', 'get')],
      ['a # in the path', instead(':path', `${path}#y`)],
      ['a byte beyond ASCII in the path', instead(':path', `${path}\xe4`)],
      ['the path *', [[':method', 'OPTIONS'], [':scheme', 'http'], [':path', '*'], [':authority', 'x']]],
      ['HEAD with a body', getFields(path, [], 'HEAD'), hidden],
    ])('%s', async (_what, fields, body) => {
      const before = exApp.requests.length
      expect(await outcome(fields, body)).toBe('400')
      expect(exApp.requests.length).toBe(before)
    })
  })

  describe('is forwarded without', () => {
    it.each<[string, Fields]>([
      ['a line break in a value', [['x-y', `1\r\n\r\n${hidden}`]]],
      ['a bare line feed in a value', [['x-y', '1\ntransfer-encoding: chunked']]],
      ['a bare carriage return in a value', [['x-y', '1\rx']]],
      ['a zero byte in a value', [['x-y', '1\0x']]],
      ['a line break in a name', [['x-y: 1\r\nhidden', '1']]],
      ['a blank in a name', [['x-y ', '1']]],
      ['a colon in a name', [['x-y:z', '1']]],
    ])('a field that has %s', async (_what, more) => {
      const before = exApp.requests.length
      const result = await outcome(getFields(path, more))
      expect(['200', `reset with ${code.protocol}`]).toContain(result)
      const heads = exApp.requests.slice(before).map(({ head }) => head)
      expect(heads).toHaveLength(result === '200' ? 1 : 0)
      expect(heads.join('')).not.toMatch(/hidden|x-y|chunked/)
    })

    it('what a cookie would hide', async () => {
      const before = exApp.requests.length
      await outcome(getFields(path, [['cookie', 'a=1'], ['cookie', `b=2\r\n\r\n${hidden}`], ['cookie', 'c=3']]))
      expect(exApp.requests.slice(before).map(({ head }) => head).join('')).not.toContain('hidden')
    })
  })

  it('with a body that looks like requests is one request', async () => {
    const before = exApp.requests.length
    const fields = getFields(path, [['content-length', `${hidden.length + 4}`]], 'POST')
    expect(await outcome(fields, `${hidden}\r\n\r\n`)).toBe('200')
    // The stand-in does not read bodies as such: our own framing tells where this one ends.
    const [first] = exApp.requests.slice(before)
    expect(first?.head).toMatch(/^POST \/x HTTP\/1.1\r\n/)
    expect(first?.head).toContain(`content-length: ${hidden.length + 4}`)
  })

  it('with a length in its trailers is refused, or forwarded without it', async () => {
    const before = exApp.requests.length
    const client = await connectFrames(stage.port)
    client.write(
      frame(frameType.headers, flag.endHeaders, 1, headerBlock(getFields(path, [], 'POST'))),
      frame(frameType.data, 0, 1, 'ok'),
      frame(frameType.headers, flag.endHeaders | flag.endStream, 1, headerBlock([['x-sum', '1'], ['content-length', '9']])),
    )
    expect(await verdict(client)).toMatch(/^200|reset with 1$/)
    client.close()
    expect(exApp.requests.slice(before).map(({ head }) => head).join('')).not.toContain('content-length: 9')
  })

  it('for CONNECT gets 405', async () => {
    const before = exApp.requests.length
    expect(await outcome([[':method', 'CONNECT'], [':authority', '127.0.0.1:22']])).toMatch(/^other: 48/) // a status that is not in the table
    expect(exApp.requests.length).toBe(before)
  })

  /** A request whose body turned out wrong may have begun upstream; it must have been cut there. */
  async function nothingWhole(): Promise<void> {
    await expect.poll(() => exApp.openCount).toBeLessThanOrEqual(1)
    expect(exApp.requests.map(({ head }) => head).join('\n')).not.toContain('hidden')
  }
})
