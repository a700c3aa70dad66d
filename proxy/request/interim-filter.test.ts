import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { filterReads, InterimFilter } from './interim-filter.ts'

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const go = 'HTTP/1.1 100 Continue\r\n\r\n'
const goWithHeaders = 'HTTP/1.1 100\r\nX: HTTP/1.1 100\r\n\r\n'
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n'

/** What a new filter lets through of these pieces. */
function passed(...pieces: readonly string[]): string {
  const filter = new InterimFilter(200)
  return pieces.map((piece) => filter.pass(Buffer.from(piece)).toString()).join('')
}

describe('the filter of interim responses', () => {
  it.each([
    ['an answer', answer, answer],
    ['100 before it', go + answer, answer],
    ['several', go + goWithHeaders + go + answer, answer],
    ['100 among others, which stay', hints + go + hints + goWithHeaders + answer, hints + hints + answer],
    ['something else', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['100 in a body', `HTTP/1.1 200 OK\r\n\r\n${go}`, `HTTP/1.1 200 OK\r\n\r\n${go}`],
  ])('takes 100 out of %s, wherever it is cut', (_what, sent, expected) => {
    for (let cut = 0; cut <= sent.length; cut++) expect(passed(sent.slice(0, cut), sent.slice(cut))).toBe(expected)
    expect(passed(...sent.split(''))).toBe(expected)
  })

  it('looks at nothing after the head has begun, until the next request', () => {
    const filter = new InterimFilter(200)
    const pass = (text: string): string => filter.pass(Buffer.from(text)).toString()
    expect(pass('HTTP/1.1 200 OK\r\n\r\n')).toBe('HTTP/1.1 200 OK\r\n\r\n')
    expect(pass(go)).toBe(go)
    filter.expectHead()
    expect(pass(go + answer)).toBe(answer)
  })

  it('holds no more of a head than a head may be long', () => {
    const endless = `HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(300)}`
    expect(passed(endless)).toBe(endless)
    expect(passed(endless.slice(0, 150), endless.slice(150))).toBe(endless)
  })

  it('does not show a reader what is empty, and shows it the end', () => {
    const source = new Readable({ read() {} })
    filterReads(source, new InterimFilter(200))
    source.push(go)
    expect(source.read()).toBe(null)
    source.push(go)
    source.push(answer)
    expect(String(source.read())).toBe(answer)
    expect(source.read()).toBe(null)
  })
})
