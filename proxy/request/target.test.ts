import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { originForm, readTarget, upstreamPath } from './target.ts'

const exApp = (appId: string, path: string, query = '') => ({ kind: 'exapp', appId, path, query })

describe('readTarget', () => {
  it.each([
    ['/exapps/demo', exApp('demo', '')],
    ['/exapps/demo?q=1', exApp('demo', '', '?q=1')],
    ['/exapps/demo/', exApp('demo', '/')],
    ['/exapps/demo/public?x=1&y=%2F', exApp('demo', '/public', '?x=1&y=%2F')],
    ['/exapps/demo/p//a/./b%2f%20c', exApp('demo', '/p//a/./b%2f%20c')],
    ['/exapps/DEMO/p/1', exApp('DEMO', '/p/1')],
    ['/exapps/de%6Do/p/1', exApp('de%6Do', '/p/1')],
    ['/exapps/demo/exapps/other/x', exApp('demo', '/exapps/other/x')],
    ['/exapps/demo??a=/../b', exApp('demo', '', '??a=/../b')],
    ['/exapps/./x', exApp('.', '/x')],
    ['/exapps/APP_API/info', exApp('APP_API', '/info')],
    ['/exapps/%61pp_api/info', exApp('%61pp_api', '/info')],
    ['/exapps/demo/p/"<>^`{|}\\', exApp('demo', '/p/"<>^`{|}\\')],
    ['/exapps/demo/p/..;/x', exApp('demo', '/p/..;/x')],
    ['/exapps/demo/p/%252e%252e/x', exApp('demo', '/p/%252e%252e/x')],
    ['/exapps/demo/p/..%5cx', exApp('demo', '/p/..%5cx')],
    ['/exapps/demo/p/...', exApp('demo', '/p/...')],
    ['/exapps/demo/p/a..', exApp('demo', '/p/a..')],
    ['/exapps/demo/p/..a/b', exApp('demo', '/p/..a/b')],
    ['/exapps/demo/p/x?y=/../z', exApp('demo', '/p/x', '?y=/../z')],
    ['/exapps/app_api', { kind: 'control', path: '', query: '' }],
    ['/exapps/app_api/v1.44/_ping?x=1', { kind: 'control', path: '/v1.44/_ping', query: '?x=1' }],
  ])('reads %s', (url, target) => {
    expect(readTarget(url)).toEqual(target)
  })

  it.each([
    ...['/exapps', '/exapps/', '/exapps?x', '/exapps/?x', '/exapps//x'].map((url) => [url, { kind: 'nameless' }] as const),
    ...['/', '/foo', '/exappsx/demo', '/x/exapps/demo/p', '/EXAPPS/demo', '/%65xapps/demo', '//exapps/demo', '/?/exapps/demo'].map((url) => [url, { kind: 'elsewhere', climbs: false }] as const),
    ...['/foo/../exapps/demo', '/..', '/x/%2E%2e'].map((url) => [url, { kind: 'elsewhere', climbs: true }] as const),
    ...['/exapps/demo/p/../x', '/exapps/demo/p/..', '/exapps/demo/..%2fx', '/exapps/demo/%2e%2e/x', '/exapps/demo/.%2E/x', '/exapps/demo/x%2F..%2Fy', '/exapps/..', '/exapps/../demo', '/exapps/demo%2f../x', '/exapps/app_api/../demo'].map(
      (url) => [url, { kind: 'climbing' }] as const,
    ),
    ...['', '*', 'exapps/demo', 'http://host/exapps/demo', '/exapps/demo/#x', '/exapps/demo?#', '/exapps/dem\u00f6/x', '/exapps/demo/\u0000', '/exapps/a b', '/exapps/demo?x=\u00e9'].map((url) => [url, { kind: 'malformed' }] as const),
  ])('takes %j for what it is', (url, target) => {
    expect(readTarget(url)).toEqual(target)
  })

  const piece = fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%2F', '%25', '%', 'a', '?', '#', ';', '\\', '%5c', 'demo', 'app_api', 'exapps', '//', 'é', ' ', '\n', '%00')
  const hostile = fc.oneof(fc.array(piece, { maxLength: 12 }).map((pieces) => `/exapps/${pieces.join('')}`), fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')), fc.string({ unit: 'binary' }))

  it('gives the path and the query exactly as they were written, and an app id without a slash', () => {
    fc.assert(
      fc.property(hostile, (url) => {
        const target = readTarget(url)
        if (target.kind !== 'exapp' && target.kind !== 'control') return
        const appId = target.kind === 'exapp' ? target.appId : 'app_api'
        expect(`/exapps/${appId}${target.path}${target.query}`).toBe(url)
        expect(appId).toMatch(/^[^/?]+$/)
        expect(target.path).toMatch(/^(\/[^?]*)?$/)
        expect(target.query).toMatch(/^(\?.*)?$/)
      }),
      { numRuns: 2000 },
    )
  })

  it('lets no target through whose path climbs, once decoded', () => {
    const decodedOnce = (text: string): string => text.replaceAll(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(parseInt(code.slice(1), 16)))
    fc.assert(
      fc.property(hostile, (url) => {
        const path = url.split('?', 1)[0] ?? ''
        if (!decodedOnce(path).split('/').includes('..')) return
        const target = readTarget(url)
        expect(target.kind === 'elsewhere' ? target.climbs : ['climbing', 'malformed'].includes(target.kind)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('originForm', () => {
  it.each([
    ['/exapps/demo?x', 'cloud', '/exapps/demo?x'],
    ['/exapps/demo', undefined, '/exapps/demo'],
    ['http://cloud/exapps/demo?x=1', 'cloud', '/exapps/demo?x=1'],
    ['HTTPS://Cloud:8780/exapps/demo', 'cloud:8780', '/exapps/demo'],
    ['http://cloud', 'cloud', '/'],
    ['http://cloud?x', 'cloud', '/?x'],
    ['http://cloud/exapps/demo/../x', 'cloud', '/exapps/demo/../x'],
  ])('reduces %s for host %s', (url, host, expected) => {
    expect(originForm(url, host)).toBe(expected)
  })

  it.each([
    ['http://cloud/exapps/demo', 'other'],
    ['http://cloud:80/exapps/demo', 'cloud'],
    ['http://user@cloud/exapps/demo', 'cloud'],
    ['http://cloud/exapps/demo', undefined],
    ['ftp://cloud/exapps/demo', 'cloud'],
    ['cloud:443', 'cloud:443'],
    ['*', 'cloud'],
    ['', 'cloud'],
  ])('refuses %s for host %s', (url, host) => {
    expect(originForm(url, host)).toBeUndefined()
  })
})

it('upstreamPath asks for the root when no path was given', () => {
  expect([{ path: '', query: '' }, { path: '', query: '?q=1' }, { path: '/', query: '' }, { path: '/a//b', query: '?' }].map(upstreamPath)).toEqual(['/', '/?q=1', '/', '/a//b?'])
})
