import { describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { type Route, RouteTable } from '../routes/route-table.ts'
import { NextcloudWatch } from './watch.ts'

function watched() {
  const lines: string[] = []
  const counted: unknown[] = []
  const log = createLog('warning', false, { write: (line) => void lines.push(line) })
  const watch = new NextcloudWatch({ log, count: (...call) => void counted.push(call) })
  return { watch, counted, messages: () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg), lines }
}

describe('NextcloudWatch', () => {
  it('counts every call in seconds', () => {
    const { watch, counted } = watched()
    watch.observe('exapp-meta', '200', 1500)
    watch.observe('user-info', 'timeout', 25_000, 'late')
    expect(counted).toEqual([['exapp-meta', '200', 1.5], ['user-info', 'timeout', 25]])
  })

  it('says why, in the words of the failure', () => {
    const { watch, lines } = watched()
    watch.observe('exapp-meta', 'redirect', 1, 'Nextcloud redirects')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', call: 'exapp-meta', outcome: 'redirect', reason: 'Nextcloud redirects', msg: 'Nextcloud gives no usable answers' })
  })

  it('says once that Nextcloud gives no answers, and once that it does again', () => {
    const { watch, messages } = watched()
    for (const outcome of ['unreachable', 'unreachable', 'timeout']) watch.observe('exapp-meta', outcome, 1, `Nextcloud is ${outcome}`)
    expect([messages(), watch.problem]).toEqual([['Nextcloud gives no usable answers'], 'Nextcloud is timeout (last call: exapp-meta)'])
    for (const outcome of ['401', '200']) watch.observe('exapp-meta', outcome, 1)
    expect([messages(), watch.problem]).toEqual([['Nextcloud gives no usable answers', 'Nextcloud answers again'], undefined])
  })

  it('does not change its mind with each call when one endpoint answers and the other does not, as in maintenance mode', () => {
    const { watch, messages } = watched()
    for (let n = 0; n < 5; n++) {
      watch.observe('exapp-meta', '200', 1)
      watch.observe('user-info', 'maintenance', 1, 'in maintenance')
    }
    expect([messages(), watch.problem]).toEqual([['Nextcloud gives no usable answers'], 'in maintenance (last call: user-info)'])
  })

  it('names each route that cannot be used once, however often the record comes', () => {
    const { watch, lines } = watched()
    const route = (url: string): Route => ({ url, accessLevel: 0, bruteforceStatuses: [] })
    const exApp = (id: string) => ({ id, token: 'geheim', version: '1', host: '', port: 1, resolvedHost: '', routes: new RouteTable([route('(['), route('(?=a)b'), route('/fine')]), routeCount: 3 })
    for (const id of ['one', 'one', 'two', 'one']) watch.onRecord(exApp(id))
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'error', app: 'one', route: '([', msg: 'route pattern cannot be used: the route is ignored' },
      { level: 'error', app: 'one', route: '(?=a)b', msg: 'route pattern cannot be used: visitors whom it would refuse are refused, whether it matches or not' },
      { app: 'two', route: '([' },
      { app: 'two', route: '(?=a)b' },
    ])
    expect(lines.join('')).not.toContain('geheim')
  })

  it('says that a record could not be refreshed, and why', () => {
    const { watch, lines } = watched()
    watch.onRefreshError('demo', new Error('down'))
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', app: 'demo', reason: 'down', msg: 'ExApp record could not be refreshed, the old one stays in use' })
  })
})
