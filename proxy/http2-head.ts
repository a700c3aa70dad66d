import { METHODS } from 'node:http'
import { maxHeadBytes, maxHeaders } from './bad-http.ts'
import type { LimitName } from './limit-reached.ts'
import type { Http2Head } from './request/http2-carrier.ts'

/** Why a request is answered before anything is decided about it. */
export interface Refusal {
  readonly status: number
  readonly reason: string
  readonly limit?: LimitName
}

/** What else the head says about its request. */
export interface ReadHead extends Http2Head {
  readonly expect: string | undefined
}

/** As many as HTTP/1.1's parser knows: others could mean something to an upstream that nobody here thought of. */
const methods: ReadonlySet<string> = new Set(METHODS)

/**
 * Tells a request's head in HTTP/1.1's way, or refuses it. What HTTP/2 itself forbids, nghttp2 has refused or left out:
 * names in capitals, `connection` and its like, blanks and controls in values and paths, repeated pseudo-headers.
 */
export function readHttp2Head(raw: readonly string[], hasBody: boolean): ReadHead | Refusal {
  const rawHeaders: string[] = []
  const pseudo = { ':method': '', ':path': '', ':authority': '' }
  const cookies: string[] = []
  let cookieAt = 0
  let host: string | undefined
  let expect: string | undefined
  let bytes = 0
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    bytes += name.length + value.length + separatorBytes
    if (isPseudo(name)) {
      pseudo[name] = value
      continue
    }
    if (name.startsWith(':')) continue
    if (name === 'cookie') {
      // Browsers send each cookie by itself; in HTTP/1.1 they are one line (RFC 9113 §8.2.3).
      if (cookies.push(value) === 1) cookieAt = rawHeaders.push(name, '') - 1
      continue
    }
    if (name === 'host') {
      if (host !== undefined) return { status: 400, reason: 'more than one host' }
      host = value
      continue
    }
    if (name === 'expect') expect = value
    rawHeaders.push(name, value)
  }
  if (bytes > maxHeadBytes) return { status: 431, reason: `the request head is longer than ${maxHeadBytes} bytes`, limit: 'request_head_bytes' }
  const { ':method': method, ':path': target, ':authority': authority } = pseudo
  if (method === 'CONNECT') return { status: 405, reason: 'this is no forward proxy' }
  if (!methods.has(method)) return { status: 400, reason: 'the method is unknown' }
  // Two servers could disagree about whom such a request is for.
  if (authority !== '' && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return { status: 400, reason: ':authority and host differ' }
  if (authority === '' && host === undefined) return { status: 400, reason: 'neither :authority nor host' }
  // It has no meaning, and Node does not tell a reset in the middle of such a body from its end.
  if (method === 'HEAD' && hasBody) return { status: 400, reason: 'HEAD with a body' }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return { status: 417, reason: 'the only expectation that is met is 100-continue' }
  if (cookies.length > 0) rawHeaders[cookieAt] = cookies.join('; ')
  rawHeaders.unshift('host', host ?? authority)
  if (rawHeaders.length > maxHeaders * 2) return { status: 400, reason: `more than ${maxHeaders} headers`, limit: 'request_headers' }
  return { method, target, rawHeaders, expect }
}

/** A colon, a blank and a line's end, as the same line has them in HTTP/1.1. */
const separatorBytes = 4

const isPseudo = (name: string): name is ':method' | ':path' | ':authority' => name === ':method' || name === ':path' || name === ':authority'
