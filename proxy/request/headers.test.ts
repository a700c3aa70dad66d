import { describe, expect, it } from 'vitest'
import { type ExApp, exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { authorize } from './authorize.ts'
import { headersForEngine, headersForExApp, headersForNextcloud, responseHeaders } from './headers.ts'

const record = { exapp_token: 'tok', exapp_version: '1.2.3', host: 'h', port: 1, routes: [{ url: '.*', access_level: 0 }] }
const demo: ExApp = toExApp('demo', exAppSchema.parse(record))
const permit = authorize('/', demo, { kind: 'visitor', user: { id: 'usr', level: 1 } })
const stamps = ['ex-app-id', 'DEMO', 'ex-app-version', '1.2.3', 'authorization-app-api', Buffer.from('usr:tok').toString('base64'), 'aa-version', '32']
const forExApp = (...raw: string[]): string[] => headersForExApp(raw, permit, 'DEMO')

describe('an ExApp', () => {
  it('is told who asks for what, with the spelling of the request', () => {
    expect(forExApp()).toEqual(stamps)
  })

  it('never sees what a client says about these itself', () => {
    expect(forExApp('EX-APP-ID', 'x', 'Ex-App-Version', 'x', 'Authorization-App-Api', 'x', 'AA-VERSION', 'x', 'ex-app-id', 'y')).toEqual(stamps)
  })

  it('Q4: gets everything else as it was sent, cookies and Authorization too: order, spelling, repetition, empty values', () => {
    const raw = ['Host', 'cloud', 'Cookie', 'a=1', 'cookie', 'b=2', 'Authorization', 'Basic dXNyOnVzcg==', 'X-Forwarded-For', '1.1.1.1', 'X-Empty', '', 'X-Same', '1', 'X-Same', '2', 'Accept-Encoding', 'br', 'Content-Length', '5', 'Range', 'bytes=0-1', 'If-None-Match', '"x"']
    expect(forExApp(...raw)).toEqual([...raw, ...stamps])
  })

  it.each([
    'HARP-SHARED-KEY', 'EX-APP-HOST', 'EX-APP-PORT', 'DOCKER-ENGINE-PORT', 'Expect', 'Connection', 'Keep-Alive', 'Proxy-Connection', 'Proxy-Authenticate', 'Proxy-Authorization', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade',
  ])('Q4: never gets %s, which is the daemon’s or the connection’s (RFC 9110 §7.6.1)', (name) => {
    expect(forExApp('A', '1', name, 'x', 'B', '2')).toEqual(['A', '1', 'B', '2', ...stamps])
  })

  it("never gets AppAPI's Basic header, which holds the shared key", () => {
    const basic = `Basic ${Buffer.from('app_api_haproxy_user:sk').toString('base64')}`
    expect(forExApp('Authorization', basic, 'authorization', 'Bearer x')).toEqual(['authorization', 'Bearer x', ...stamps])
  })

  it('does not get what the Connection header names, but a client cannot name what a message needs', () => {
    const raw = ['Connection', 'close, X-Hop', 'X-Hop', '1', 'x-hop', '2', 'Host', 'cloud', 'connection', 'Host, content-length,Content-Type , ', 'Content-Length', '1', 'Content-Type', 't']
    expect(forExApp(...raw)).toEqual(['Host', 'cloud', 'Content-Length', '1', 'Content-Type', 't', ...stamps])
  })

  it('gets its stamps even when the Connection header names them', () => {
    expect(forExApp('Connection', 'ex-app-id, authorization-app-api, aa-version')).toEqual(stamps)
  })
})

it('a Docker Engine gets no credentials', () => {
  const raw = ['Host', 'cloud', 'Authorization', 'Bearer x', 'Cookie', 'a=1', 'harp-shared-key', 'sk', 'docker-engine-port', '24000', 'EX-APP-ID', 'x', 'X-Registry-Auth', 'kept', 'Content-Type', 'application/json']
  expect(headersForEngine(raw)).toEqual(['Host', 'cloud', 'X-Registry-Auth', 'kept', 'Content-Type', 'application/json'])
})

describe('Nextcloud behind the front', () => {
  const raw = ['Host', 'cloud', 'X-Forwarded-For', 'spoofed', 'X-Forwarded-Proto', 'spoofed', 'X-Forwarded-Host', 'spoofed', 'X-Real-IP', 'spoofed', 'Forwarded', 'spoofed', 'Cookie', 'a=1']

  it('is told where a visitor comes from, not what the visitor says', () => {
    expect(headersForNextcloud(raw, { peer: '1.2.3.4', protocol: 'https', host: 'cloud', forwardedFor: undefined })).toEqual([
      'Host', 'cloud', 'Cookie', 'a=1', 'x-forwarded-for', '1.2.3.4', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'cloud',
    ])
  })

  it('is told the whole chain of proxies', () => {
    expect(headersForNextcloud([], { peer: '10.0.0.1', protocol: 'http', host: undefined, forwardedFor: '9.9.9.9' })).toEqual(['x-forwarded-for', '9.9.9.9, 10.0.0.1', 'x-forwarded-proto', 'http'])
  })
})

describe('a client', () => {
  it('gets the headers of the response as they came, less those of the connection', () => {
    const raw = ['Content-Length', '5', 'Set-Cookie', 'a', 'set-cookie', 'b', 'Connection', 'keep-alive, X-Hop', 'Keep-Alive', 'timeout=5', 'X-Hop', '1', 'Transfer-Encoding', 'chunked', 'X-Kept', '']
    expect(responseHeaders(raw.map((part) => Buffer.from(part)))).toEqual(['Content-Length', '5', 'Set-Cookie', 'a', 'set-cookie', 'b', 'X-Kept', ''])
  })

  it('gets bytes outside ASCII unchanged', () => {
    expect(responseHeaders([Buffer.from('X-Name'), Buffer.from([0x66, 0xfc, 0x72])])).toEqual(['X-Name', 'f\u00fcr'])
  })
})
