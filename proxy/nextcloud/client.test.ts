import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type NextcloudStandIn, startNextcloud } from '../../test/support/nextcloud.ts'
import type { Fault } from '../../test/support/nextcloud/faults.ts'
import { parseNextcloudUrl } from '../settings/nextcloud-url.ts'
import { createNextcloudClient, type NextcloudClient, type NextcloudClientOptions, type VisitorCredentials } from './client.ts'
import { NextcloudError } from './errors.ts'

const json = 'application/json'
const visitor: VisitorCredentials = { cookies: 'oc_sessionPassphrase=session', authorization: undefined, userAgent: undefined, clientAddress: '203.0.113.7' }
const demo = { appId: 'demo', port: 23_000, exapp_token: 'geheim-token', exapp_version: '1.2.3', routes: [{ url: '^/x', access_level: 1 as const }] }

let nextcloud: NextcloudStandIn
beforeAll(async () => {
  nextcloud = await startNextcloud({ sharedKey: 'sk' })
  nextcloud.addExApp(demo)
  nextcloud.addUser({ id: 'usr', password: 'usr' })
  nextcloud.setSession('session', 'usr')
})
afterEach(() => {
  nextcloud.clearFaults()
  nextcloud.clearCalls()
  nextcloud.setMaintenance(false)
})
afterAll(() => nextcloud.close())

/** A client that ends with the test, and what it told about its calls. */
function client(options: Partial<NextcloudClientOptions> = {}): NextcloudClient & { readonly outcomes: string[] } {
  const outcomes: string[] = []
  const observe = (call: string, outcome: string): void => void outcomes.push(`${call} ${outcome}`)
  const created = createNextcloudClient({ url: new URL(nextcloud.url), sharedKeys: () => ['sk'], observe, maxCalls: 100, onLimit: () => {}, ...options })
  onTestFinished(() => created.close())
  return { ...created, outcomes }
}

const failureOf = async (call: Promise<unknown>): Promise<NextcloudError> => {
  const error: unknown = await call.then(() => undefined, (reason: unknown) => reason)
  if (error instanceof NextcloudError) return error
  throw new Error('no NextcloudError', { cause: error })
}

describe('the call about an ExApp', () => {
  it('is one GET with the key and nothing else', async () => {
    await client().exApp('demo')
    expect(nextcloud.calls.map(({ method, url, rawHeaders }) => ({ method, url, rawHeaders }))).toEqual([
      {
        method: 'GET',
        url: '/index.php/apps/app_api/harp/exapp-meta?appId=demo',
        rawHeaders: [['host', nextcloud.url.replace('http://', '')], ['connection', 'keep-alive'], ['accept', json], ['harp-shared-key', 'sk']],
      },
    ])
  })

  it('gives the record', async () => {
    const asking = client()
    expect(await asking.exApp('demo')).toMatchObject({ id: 'demo', token: 'geheim-token', version: '1.2.3', host: '127.0.0.1', port: 23_000, resolvedHost: '', routeCount: 1 })
    expect(asking.outcomes).toEqual(['exapp-meta 200'])
  })

  it.each([['a&b=c', 'a%26b%3Dc'], ['de%6Do', 'de%256Do'], ['a+b', 'a%2Bb'], ['x?y#', 'x%3Fy%23']])('keeps %s in one parameter', async (appId, written) => {
    expect(await client().exApp(appId)).toBeUndefined()
    expect(nextcloud.calls[0]).toMatchObject({ url: `/index.php/apps/app_api/harp/exapp-meta?appId=${written}`, appId })
  })

  it.each([401, 404])('takes %d for an unknown app', async (status) => {
    nextcloud.setFault('exapp-meta', { kind: 'answer', status, body: '<html>', contentType: 'text/html' })
    expect(await client().exApp('demo')).toBeUndefined()
  })

  it.each(['', '/', '/index.php', '/index.php/', '/sub/folder', '/sub/folder/', '/sub/index.php'])('finds Nextcloud at %j behind the host', async (path) => {
    const url = parseNextcloudUrl(nextcloud.url + path)
    await client({ url: url ?? new URL('http://invalid') }).exApp('demo').catch(() => {})
    const folder = path.startsWith('/sub') ? path.replace(/(\/index\.php|\/)$/, '') : ''
    expect(nextcloud.calls.map((call) => call.url)).toEqual([`${folder}/index.php/apps/app_api/harp/exapp-meta?appId=demo`])
  })
})

describe('the call about a visitor', () => {
  it('carries what identifies and the address, and nothing else that the visitor sent (Q11)', async () => {
    const all: VisitorCredentials = { cookies: 'a=1; oc_sessionPassphrase=session', authorization: 'Basic dXNyOnVzcg==', userAgent: 'Browser/1', clientAddress: '203.0.113.7' }
    expect(await client().user('demo', all)).toEqual({ id: 'usr', level: 1, cacheable: true })
    expect(nextcloud.calls.map(({ method, url, rawHeaders }) => ({ method, url, rawHeaders }))).toEqual([
      {
        method: 'GET',
        url: '/index.php/apps/app_api/harp/user-info?appId=demo',
        rawHeaders: [
          ['host', nextcloud.url.replace('http://', '')],
          ['connection', 'keep-alive'],
          ['accept', json],
          ['harp-shared-key', 'sk'],
          ['cookie', 'a=1; oc_sessionPassphrase=session'],
          ['authorization', 'Basic dXNyOnVzcg=='],
          ['user-agent', 'Browser/1'],
          ['x-forwarded-for', '203.0.113.7'],
        ],
      },
    ])
  })

  it('leaves out what the visitor did not send', async () => {
    await client().user('demo', { ...visitor, cookies: undefined })
    expect(nextcloud.calls[0]?.rawHeaders.map(([name]) => name)).toEqual(['host', 'connection', 'accept', 'harp-shared-key', 'x-forwarded-for'])
  })

  it.each<[string, unknown, unknown]>([
    ['a user', { user_id: 'usr', access_level: 1 }, { id: 'usr', level: 1, cacheable: true }],
    ['an administrator, level as text', { user_id: 'adm', access_level: '2' }, { id: 'adm', level: 2, cacheable: true }],
    ['nobody', { user_id: '', access_level: 0 }, { id: '', level: 0, cacheable: true }],
    ['nobody, without an id', { access_level: 0 }, { id: '', level: 0, cacheable: true }],
    ['a level of true, and fields of the future', { user_id: 'ü', access_level: true, groups: [] }, { id: 'ü', level: 1, cacheable: true }],
  ])('understands %s', async (_who, body, user) => {
    nextcloud.setFault('user-info', { kind: 'answer', status: 200, body: JSON.stringify(body), contentType: 'application/json; charset=utf-8' })
    expect(await client().user('demo', visitor)).toEqual(user)
  })

  it.each([400, 401, 403, 404, 429])('takes %d for nobody, not to be remembered', async (status) => {
    nextcloud.setFault('user-info', { kind: 'answer', status })
    expect(await client().user('demo', visitor)).toEqual({ id: '', level: 0, cacheable: false })
  })

  it.each([{ user_id: null, access_level: 1 }, { user_id: 'usr' }, { user_id: 'usr', access_level: 3 }, { user_id: 'usr', access_level: -1 }, { user_id: 7, access_level: 1 }, [], 'usr', null])(
    'refuses %j',
    async (body) => {
      nextcloud.setFault('user-info', { kind: 'answer', status: 200, body: JSON.stringify(body), contentType: json })
      expect(await failureOf(client().user('demo', visitor))).toMatchObject({ failure: 'invalid', message: "Nextcloud's answer about a visitor (status 200) is not usable" })
    },
  )
})

describe('an answer that is none', () => {
  const huge = JSON.stringify({ exapp_token: 'geheim-token', padding: 'x'.repeat(2 * 1024 * 1024) })
  const faults: readonly [string, Fault, string, string][] = [
    ['500', { kind: 'answer', status: 500, body: 'geheim', contentType: 'text/plain' }, 'status', 'Nextcloud answered 500'],
    ['204', { kind: 'answer', status: 204 }, 'status', 'Nextcloud answered 204'],
    ['a page', { kind: 'answer', status: 200, body: '<html>geheim', contentType: 'text/html' }, 'invalid', 'Nextcloud answered with something else than JSON; is NC_INSTANCE_URL right and AppAPI enabled?'],
    ['no type', { kind: 'answer', status: 200, body: '{}' }, 'invalid', 'Nextcloud answered with something else than JSON; is NC_INSTANCE_URL right and AppAPI enabled?'],
    ['broken JSON', { kind: 'answer', status: 200, body: '{"exapp_token": geheim', contentType: json }, 'invalid', 'Nextcloud answered with broken JSON'],
    ['an empty body', { kind: 'answer', status: 200, body: '', contentType: json }, 'invalid', 'Nextcloud answered with broken JSON'],
    ['2 MiB', { kind: 'answer', status: 200, body: huge, contentType: json }, 'invalid', "Nextcloud's answer is longer than 1048576 bytes"],
    ['a cut body', { kind: 'cut', body: '{"exapp_token": "geheim' }, 'unreachable', 'Nextcloud cannot be reached (UND_ERR_SOCKET)'],
    ['a reset', { kind: 'reset' }, 'unreachable', 'Nextcloud cannot be reached (ECONNRESET)'],
    ['nothing at all', { kind: 'hang' }, 'timeout', 'Nextcloud did not answer in time (TimeoutError)'],
  ]

  it.each(faults)('fails with its reason, on both calls: %s', async (_what, fault, failure, message) => {
    nextcloud.setFault('exapp-meta', fault)
    nextcloud.setFault('user-info', fault)
    const asking = client({ timeoutMs: fault.kind === 'hang' ? 100 : 25_000 })
    for (const call of [() => asking.exApp('demo'), () => asking.user('demo', visitor)]) {
      const error = await failureOf(call())
      expect({ failure: error.failure, message: error.message }).toEqual({ failure, message: expect.stringContaining(message.replace(/ \(\w+\)$/, '')) })
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error.cause)).not.toContain('geheim')
    }
    expect(asking.outcomes.sort()).toEqual([`exapp-meta ${failure}`, `user-info ${failure}`])
    nextcloud.clearFaults()
    expect(await asking.exApp('demo')).toMatchObject({ id: 'demo' }) // the next one is not affected
  })

  it.each([403, 429])('is what %d is about an ExApp', async (status) => {
    nextcloud.setFault('exapp-meta', { kind: 'answer', status })
    expect(await failureOf(client().exApp('demo'))).toMatchObject({ failure: 'status', message: `Nextcloud answered ${status} when asked about ExApp demo` })
  })

  it('says that Nextcloud is in maintenance mode', async () => {
    nextcloud.setMaintenance(true)
    const asking = client()
    expect(await failureOf(asking.user('demo', visitor))).toMatchObject({ failure: 'maintenance', message: 'Nextcloud is in maintenance mode' })
    expect(await asking.exApp('demo')).toMatchObject({ id: 'demo' })
  })

  it('says that nobody listens there', async () => {
    const gone = await startNextcloud({ sharedKey: 'sk' })
    await gone.close()
    expect(await failureOf(client({ url: new URL(gone.url) }).exApp('demo'))).toMatchObject({ failure: 'unreachable', message: 'Nextcloud cannot be reached (ECONNREFUSED)' })
  })

  it('names the fields of a bad record, never their values', async () => {
    nextcloud.setFault('exapp-meta', { kind: 'answer', status: 200, body: JSON.stringify({ exapp_token: ['geheim'], exapp_version: '1', host: 'h', port: 'geheim', routes: [{ url: 'geheim', access_level: 9 }] }), contentType: json })
    const { failure, message } = await failureOf(client().exApp('demo'))
    expect(failure).toBe('invalid')
    expect(message).toMatch(/^Nextcloud's record of ExApp demo is not usable: .*exapp_token: .*port: .*routes\.0\.access_level: /)
    expect(message).not.toContain('geheim')
  })

  it.each([301, 302, 303, 307, 308])('is a redirect (%d), which is not followed: the key stays here (Q12)', async (status) => {
    const shown: unknown[] = []
    const elsewhere = createServer(({ url, headers }, response) => {
      shown.push({ url, headers })
      response.setHeader('content-type', json).end('{"user_id": "adm", "access_level": 2}')
    }).listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
    onTestFinished(() => void elsewhere.close())
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    for (const endpoint of ['exapp-meta', 'user-info'] as const) nextcloud.setFault(endpoint, { kind: 'redirect', location, status })
    const asking = client()
    expect(await failureOf(asking.user('demo', visitor))).toMatchObject({ failure: 'redirect', message: `Nextcloud redirects (status ${status}); NC_INSTANCE_URL has to be the address that answers itself` })
    expect(await failureOf(asking.exApp('demo'))).toMatchObject({ failure: 'redirect' })
    expect(shown).toEqual([])
  })
})
