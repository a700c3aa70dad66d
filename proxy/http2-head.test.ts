import { describe, expect, it } from 'vitest'
import { readHttp2Head } from './http2-head.ts'

const get = [':method', 'GET', ':scheme', 'https', ':authority', 'a.example', ':path', '/x?y']

describe('the head of an HTTP/2 request', () => {
  it('becomes that of one of HTTP/1.1', () => {
    expect(readHttp2Head([...get, 'accept', '', 'cookie', 'a=1', 'x', '1', 'cookie', 'b=2', 'x', '2'], false)).toEqual({
      method: 'GET',
      target: '/x?y',
      rawHeaders: ['host', 'a.example', 'accept', '', 'cookie', 'a=1; b=2', 'x', '1', 'x', '2'],
      expect: undefined,
    })
  })

  it('says what is expected', () => {
    expect(readHttp2Head([...get, 'expect', '100-Continue'], true)).toMatchObject({ expect: '100-Continue' })
  })

  it.each([
    [431, [...get, 'x', 'x'.repeat(32 * 1024)], false],
    [400, [...get, ...Array.from({ length: 100 }, (_, at) => [`x-${at}`, '']).flat()], false],
    [400, [...get, 'host', 'b.example'], false],
    [400, [':method', 'GET', ':scheme', 'https', ':path', '/'], false],
    [400, [':method', 'GET', ':scheme', 'https', ':path', '/', 'host', 'a', 'host', 'a'], false],
    [400, [':method', 'FROBNICATE', ':authority', 'a', ':path', '/'], false],
    [400, [':method', 'HEAD', ':authority', 'a', ':path', '/'], true],
    [405, [':method', 'CONNECT', ':authority', 'a'], true],
    [417, [...get, 'expect', 'the-best'], false],
  ])('is refused with %i: %j', (status, raw, hasBody) => {
    expect(readHttp2Head(raw, hasBody)).toMatchObject({ status, reason: expect.any(String) })
  })
})
