import { posix } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DockerPathError } from '../request/errors.ts'
import { allowDockerCall } from './docker-allowlist.ts'

const isAllowed = (method: string, path: string): boolean => {
  try {
    allowDockerCall(method, path)
    return true
  } catch (error) {
    if (error instanceof DockerPathError) return false
    throw error
  }
}

describe('the list of allowed Docker calls', () => {
  const reads = [
    '/_ping',
    '/v1.44/_ping',
    '/v1/_ping',
    '/v1.44.1/_ping',
    '/V1.44/_PING',
    '/v../_ping', // no version: the engine is asked for its newest
    '/v1.44/images/alpine/json',
    '/v1.44/images/ghcr.io/a/b:latest/json',
    '/v1.44/images/ghcr.io%2Fa%2fb%3Alatest/json',
    '/v1.44/images/localhost:5000/a@sha256:00ff/json',
    '/v1.44/images//json', // HaRP: "anything, also empty"
    '/images/x/jsonX',
    '/images/x/json/y',
    '/v1.44/containers/nc_app_x/json',
    '/v1.44/containers/nc_app_A.b_c-9/json',
    '/v1.44/containers/nc_app_x%2Fjson',
    '/v1.44/containers/nc%5Fapp_x/json',
    '/v1.44/containers/NC_APP_X/JSON',
    '/containers/nc_app_x/jsonX',
    '/v1.44/containers/nc_app_x/logs',
    '/containers/nc_app_x/logs/y',
  ]
  it.each(reads)('lets GET and HEAD of %s pass, no other method', (path) => {
    expect(
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'get', ''].filter((method) =>
        isAllowed(method, path),
      ),
    ).toEqual(['GET', 'HEAD'])
  })

  it.each([
    '/images/create',
    '/v1.44/images/create',
    '/V1.44/IMAGES/CREATE',
    '/v1.44/images/createX',
    '/v1.44/images%2fcreate',
  ])('lets POST of %s pass, no other method', (path) => {
    expect(
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'post', ''].filter((method) =>
        isAllowed(method, path),
      ),
    ).toEqual(['POST'])
  })

  it.each([
    '',
    '/',
    '_ping',
    '/_ping/',
    '/_ping/x',
    '/_pingx',
    '//_ping',
    '/x/_ping',
    '/v1.44/v1.44/_ping',
    '/v/_ping',
    '/v1.44x/_ping',
    '/v1,44/_ping',
    '/1.44/_ping',
    '/v1.44/images/json',
    '/v1.44/images',
    '/v1.44/images/x/history',
    '/v1.44/images/x/get',
    '/v1.44/images/search',
    '/v1.44/image/x/json',
    '/x/images/y/json',
    '/v1.44/containers/json',
    '/v1.44/containers/other/json',
    '/v1.44/containers/nc_app_/json',
    '/v1.44/containers/nc_app/json',
    '/v1.44/containers/xnc_app_y/json',
    '/v1.44/containers/nc_app_x',
    '/v1.44/containers/nc_app_x/top',
    '/v1.44/containers/nc_app_x/export',
    '/v1.44/containers/nc_app_x/attach/ws',
    '/v1.44/containers/nc_app_x/archive',
    '/v1.44/containers/nc_app_x/y/json',
    '/v1.44/containers/nc_app_x y/json',
    '/v1.44/containers/create',
    '/v1.44/containers/nc_app_x/start',
    '/v1.44/containers/nc_app_x/exec',
    '/v1.44/volumes',
    '/v1.44/networks',
    '/v1.44/version',
    '/version',
    '/info',
    '/events',
    '/build',
    '/secrets',
    '/swarm',
    '/session',
    '/grpc',
    '/exapp_storage/demo',
    '/k8s/exapp/exists',
  ])('refuses %s with every method', (path) => {
    expect(['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].filter((method) => isAllowed(method, path))).toEqual([])
  })

  it.each(
    [
      '/images/x/../../containers/y/json',
      '/images/x/%2e%2e/%2E%2e/containers/y/json',
      '/images/..%2f..%2fcontainers%2fy/json',
      '/images/%2e/json',
      '/images/./json',
      '/images/x/json/..',
      '/images/create/../../containers/create',
      '/images/create/%2e%2e/%2e%2e/containers/create',
      '/containers/nc_app_x/json/../../y/json',
      '/containers/nc_app_x%2f..%2fy/json',
      '/v../_ping',
      '/v1.44/../_ping',
    ].filter((path) => path !== '/v../_ping'),
  )('refuses %s, which an engine would clean to another path', (path) => {
    expect(['GET', 'POST'].filter((method) => isAllowed(method, path))).toEqual([])
  })

  it.each([
    ['double encodings', '/images/%252e%252e/json'],
    ['an encoded percent sign', '/images/a%25b/json'],
    ['a lone percent sign', '/images/a%/json'],
    ['half an encoding', '/images/a%2/json'],
    ['an encoding of no digits', '/images/a%zz/json'],
    ['%u encodings', '/images/a%u002e/json'],
    ['bytes that are no UTF-8', '/images/a%ff/json'],
    ['overlong UTF-8', '/images/%c0%ae%c0%ae/json'],
    ['a zero byte', '/images/a%00/json'],
    ['a line break', '/images/a%0d%0ab/json'],
    ['a line break after the end', '/_ping%0a'],
    ['a second line', '/x%0a/_ping'],
  ])('refuses %s', (_what, path) => {
    expect(isAllowed('GET', path)).toBe(false)
  })

  it('hands the path on byte for byte, with the version apart', () => {
    expect(allowDockerCall('GET', '/v1.44/images/a%2Fb%3Ac/json')).toEqual({
      version: '1.44',
      path: '/images/a%2Fb%3Ac/json',
      isPing: false,
      isPull: false,
    })
    expect(allowDockerCall('HEAD', '/V1.44/_PING')).toEqual({ version: '1.44', path: '/_PING', isPing: true, isPull: false })
    expect(allowDockerCall('GET', '/_ping')).toEqual({ version: '', path: '/_ping', isPing: true, isPull: false })
    expect(allowDockerCall('POST', '/images/create')).toEqual({ version: '', path: '/images/create', isPing: false, isPull: true })
    expect(allowDockerCall('GET', '/images/x/json/_ping')).toEqual({
      version: '',
      path: '/images/x/json/_ping',
      isPing: false,
      isPull: false,
    })
  })

  it('tells what brings an image to the engine, however an engine reads the path', () => {
    for (const path of ['/v1.44/images/create', '/images%2Fcreate', '/IMAGES/CREATE', '/images/createX']) expect(allowDockerCall('POST', path).isPull).toBe(true)
  })

  it('takes a version prefix that is written in percent signs for a part of the path', () => {
    expect(allowDockerCall('GET', '/v1%2e44/_ping')).toEqual({ version: '', path: '/v1%2e44/_ping', isPing: true, isPull: false })
  })

  it('says what is allowed, and nothing of what was asked', () => {
    expect(() => allowDockerCall('GET', '/secret')).toThrow(
      /^this Docker API call is not allowed; allowed: GET _ping, /,
    )
    expect(() => allowDockerCall('GET', '/secret')).not.toThrow(/secret/)
  })

  it('never lets an engine see another path than the one that was checked, whatever is thrown at it', () => {
    const piece = fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2E',
      '%2f',
      '%2F',
      '%25',
      '%',
      '%00',
      '%0a',
      'v1.44',
      'v',
      '_ping',
      'images',
      'containers',
      'nc_app_x',
      'other',
      'json',
      'logs',
      'create',
      ':',
      '@',
      ';',
      '?',
      '#',
      '\\',
      'é',
    )
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)
    fc.assert(
      fc.property(fc.constantFrom('GET', 'HEAD', 'POST'), path, (method, written) => {
        if (!isAllowed(method, written)) return
        const call = allowDockerCall(method, written)
        expect(written.endsWith(call.path)).toBe(true)
        expect(written.slice(0, written.length - call.path.length)).toBe(call.version === '' ? '' : `/v${call.version}`)
        const decoded = decodeURIComponent(written)
        const merged = decoded.replaceAll(/\/+/g, '/')
        expect(posix.normalize(merged)).toBe(merged) // engines clean paths
        expect(decodeURIComponent(decoded)).toBe(decoded) // and some decode twice
        expect(decoded).toMatch(
          method === 'POST'
            ? /^(\/v[0-9.]+)?\/images\/create/
            : /^(\/v[0-9.]+)?\/(_ping$|images\/.*\/json|containers\/nc_app_[\w.-]+\/(json|logs))/,
        )
      }),
      { numRuns: 5_000 },
    )
  })
})
