import { describe, expect, it } from 'vitest'
import { exAppSchema, toExApp } from './exapp.ts'

const record = { exapp_token: 'tok', exapp_version: '1.2.3', host: '127.0.0.1', port: 23_000 }
const read = (more: object) => exAppSchema.safeParse({ ...record, ...more })
const routeOf = (route: object) => read({ routes: [{ url: '/x', access_level: 1, ...route }] }).data?.routes[0]

describe('the record of an ExApp', () => {
  it('needs token, version, host and port; has no routes and no other address by default', () => {
    expect(read({}).data).toEqual({ ...record, routes: [], resolved_host: '' })
    for (const name of Object.keys(record)) expect(read({ [name]: undefined }).success).toBe(false)
  })

  it('ignores fields that it does not know', () => {
    expect(read({ deploy_id: 7 }).data).toEqual({ ...record, routes: [], resolved_host: '' })
  })

  it.each([['23001', 23_001], [80, 80], [99_999, 99_999]])('takes port %j', (port, expected) => {
    expect(read({ port }).data?.port).toBe(expected)
  })

  it.each(['', 'http', '1.5', 1.5, null, '12345678901', true])('refuses port %j', (port) => {
    expect(read({ port }).success).toBe(false)
  })

  it.each([[0, 0], [1, 1], [2, 2], ['0', 0], ['1', 1], ['2', 2], [true, 1], [false, 0], [1.0, 1]])('takes access level %j', (level, accessLevel) => {
    expect(routeOf({ access_level: level })?.accessLevel).toBe(accessLevel)
  })

  it.each([3, -1, '3', '', 'admin', null, 0.5, undefined])('refuses access level %j', (level) => {
    expect(read({ routes: [{ url: '/x', access_level: level }] }).success).toBe(false)
  })

  it.each<[unknown, number[]]>([
    [undefined, []],
    [[], []],
    [null, []],
    [[401, 404], [401, 404]],
    [['401', 404], [401, 404]],
    [{ '0': 401, '2': '403' }, [401, 403]],
    [['never', null, 401], [401]],
  ])('reads the statuses that count as a failure out of %j', (written, statuses) => {
    expect(routeOf({ bruteforce_protection: written })?.bruteforceStatuses).toEqual(statuses)
  })

  it('refuses routes that are no list, and a route without a pattern', () => {
    expect([read({ routes: null }).success, read({ routes: {} }).success, read({ routes: [{ access_level: 1 }] }).success]).toEqual([false, false, false])
  })

  it('becomes what requests are decided with', () => {
    const exApp = toExApp('Demo', exAppSchema.parse({ ...record, resolved_host: '10.0.0.5', routes: [{ url: '/a', access_level: '1' }] }))
    expect(exApp).toMatchObject({ id: 'Demo', token: 'tok', version: '1.2.3', host: '127.0.0.1', port: 23_000, resolvedHost: '10.0.0.5', routeCount: 1 })
    expect([exApp.routes.decide('/a', 0).kind, exApp.routes.decide('/a', 1).kind, exApp.routes.decide('/b', 2).kind]).toEqual(['denied', 'allowed', 'unrouted'])
  })
})
