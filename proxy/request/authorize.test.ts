import { describe, expect, it } from 'vitest'
import { exAppSchema, toExApp } from '../nextcloud/exapp.ts'
import { authorize, refuseLifecyclePath } from './authorize.ts'
import { LifecyclePathError } from './errors.ts'
import type { Caller } from './identity.ts'

const record = (routes: object[]) => toExApp('demo', exAppSchema.parse({ exapp_token: 'tök', exapp_version: '1', host: 'h', port: 1, routes }))
const demo = record([
  { url: '^/public$', access_level: 0 },
  { url: '/user', access_level: 1, bruteforce_protection: [401] },
  { url: '/admin', access_level: 2 },
  { url: '/admin', access_level: 0 },
])
const visitor = (id: string, level: 0 | 1 | 2): Caller => ({ kind: 'visitor', user: { id, level } })
const unidentified: Caller = { kind: 'unidentified', cause: new Error('Nextcloud answered 500') }
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('authorize', () => {
  it.each<[string, Caller, string]>([
    ['/public', visitor('', 0), ':tök'],
    ['/public', visitor('usr', 1), 'usr:tök'],
    ['/public', visitor('disabled', 0), 'disabled:tök'],
    ['/public', unidentified, ':tök'],
    ['/user', visitor('üser', 1), 'üser:tök'],
    ['/user/deeper', visitor('adm', 2), 'adm:tök'],
    ['/admin', visitor('adm', 2), 'adm:tök'],
  ])('lets through to %s: %j', (path, caller, identity) => {
    expect(authorize(path, demo, caller)).toMatchObject({ exApp: demo, authorization: base64(identity), signed: false })
  })

  it.each<[string, Caller, string, string]>([
    ['/user', visitor('', 0), 'denied', 'route /user needs access level 1, the visitor has 0'],
    ['/admin', visitor('usr', 1), 'denied', 'route /admin needs access level 2, the visitor has 1'],
    ['/other', visitor('adm', 2), 'no-route', 'no route of the ExApp matches'],
    ['', visitor('adm', 2), 'no-route', 'no route of the ExApp matches'],
    ['/public/', visitor('adm', 2), 'no-route', 'no route of the ExApp matches'],
    ['/user', unidentified, 'identity-failed', 'Nextcloud could not be asked who the visitor is: Nextcloud answered 500'],
    ['/other', unidentified, 'identity-failed', 'Nextcloud could not be asked who the visitor is: Nextcloud answered 500'],
  ])('refuses %j: %j', (path, caller, outcome, message) => {
    expect(() => authorize(path, demo, caller)).toThrow(expect.objectContaining({ outcome, message }))
  })

  it('says that an app has no routes at all', () => {
    expect(() => authorize('/x', record([]), visitor('adm', 2))).toThrow('the ExApp declares no routes for visitors')
  })

  it('passes the signature of AppAPI on, whatever the routes say', () => {
    expect(authorize('/heartbeat', record([]), { kind: 'appapi', signature: 'c2lnbmVk' })).toMatchObject({ authorization: 'c2lnbmVk', signed: true, bruteforceStatuses: [] })
  })

  it('names the statuses that count as a failure on the route that was taken', () => {
    expect([authorize('/user', demo, visitor('usr', 1)).bruteforceStatuses, authorize('/public', demo, visitor('usr', 1)).bruteforceStatuses]).toEqual([[401], []])
  })
})

describe('refuseLifecyclePath', () => {
  it.each(['/heartbeat', '/init', '/enabled'])('keeps %s for AppAPI', (path) => {
    expect(() => refuseLifecyclePath(path)).toThrow(LifecyclePathError)
  })

  it.each(['', '/', '/heartbeat/', '/Heartbeat', '/%65nabled', '/init/x', '/initial', '//init'])('Q8: leaves %j to the routes', (path) => {
    expect(() => refuseLifecyclePath(path)).not.toThrow()
  })
})
