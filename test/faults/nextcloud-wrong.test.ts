import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { directHeaders, freshClient, type Stage, setStage, userCookie } from '../request/stage.ts'
import type { Fault } from '../support/nextcloud/faults.ts'
import { sendForAnswer, statusOf } from '../support/send.ts'

const json = 'application/json'
const page = (text: string): string => `<!DOCTYPE html><p>${text}</p>`
const maintenance = { 'X-Nextcloud-Maintenance-Mode': '1', 'Retry-After': '120' }

/** A fault, the metric's word for it, and what the admin reads. */
const faults: readonly [string, Fault, string, RegExp][] = [
  ['answers 500', { kind: 'answer', status: 500, body: page('Internal Server Error'), contentType: 'text/html' }, 'status', /^Nextcloud answered 500/],
  ['answers with a page of somebody else', { kind: 'answer', status: 200, body: page('It works!'), contentType: 'text/html' }, 'invalid', /something else than JSON; is NC_INSTANCE_URL right and AppAPI enabled\?/],
  ['answers with half of the JSON', { kind: 'answer', status: 200, body: '{"exapp_token": "t", "user_id"', contentType: json }, 'invalid', /broken JSON/],
  ['answers with JSON of another kind', { kind: 'answer', status: 200, body: '{"ocs": {"meta": {"status": "ok"}}}', contentType: json }, 'invalid', /is not usable/],
  ['answers with two megabytes', { kind: 'answer', status: 200, body: `"${'x'.repeat(2_000_000)}"`, contentType: json }, 'invalid', /longer than 1048576 bytes/],
  ['breaks off in the middle', { kind: 'cut', body: '{"exapp_token": "t"' }, 'unreachable', /cannot be reached \(UND_ERR_SOCKET\)/],
  ['resets every connection', { kind: 'reset' }, 'unreachable', /cannot be reached \(ECONNRESET\)/],
  ['is in maintenance and says so in JSON', { kind: 'answer', status: 503, body: '{"message": "This Nextcloud is under maintenance."}', contentType: json, headers: maintenance }, 'maintenance', /^Nextcloud is in maintenance mode/],
  ['is in maintenance and shows a page', { kind: 'answer', status: 503, body: page('Maintenance mode'), contentType: 'text/html', headers: maintenance }, 'maintenance', /^Nextcloud is in maintenance mode/],
  ['is away behind its reverse proxy', { kind: 'answer', status: 503, body: page('Service Unavailable'), contentType: 'text/html' }, 'status', /^Nextcloud answered 503/],
  ['redirects to another path', { kind: 'redirect', location: '/index.php/login', status: 302 }, 'redirect', /^Nextcloud redirects \(status 302\); NC_INSTANCE_URL has to be the address that answers itself/],
]

describe('while Nextcloud', () => {
  let stage: Stage
  /** Another host, which never shall see the key. */
  const elsewhere = createServer((request, response) => {
    seenElsewhere.push(request.url ?? '')
    response.setHeader('content-type', json).end('{"user_id": "adm", "access_level": 2}')
  })
  const seenElsewhere: string[] = []
  beforeAll(async () => {
    elsewhere.listen(0, '127.0.0.1')
    await once(elsewhere, 'listening')
  })
  beforeEach(async () => {
    stage = await setStage({ HP_SESSION_LIFETIME: '10' })
  })
  afterEach(() => stage.close())
  afterAll(() => void elsewhere.close())

  const visit = (path: string, headers: Record<string, string> = {}) => statusOf({ port: stage.port, path: `/exapps/${path}`, headers, from: freshClient() })
  const operators = async (path: string): Promise<string> => (await sendForAnswer({ port: stage.plane.ports.admin, path })).text
  const nextcloudLine = async (): Promise<string> => /nextcloud.*/.exec(await operators('/readyz'))?.[0] ?? ''
  let strangers = 0
  const stranger = () => ({ cookie: `${userCookie}; stranger=${++strangers}` })

  async function breakNextcloud(fault: Fault): Promise<void> {
    expect(await visit('demo/user', { cookie: userCookie })).toBe(200)
    for (const endpoint of ['exapp-meta', 'user-info'] as const) stage.nextcloud.setFault(endpoint, fault)
  }

  /** What goes on, and what cannot, with the reason where an admin looks. */
  async function expectToCope(outcome: string, words: RegExp): Promise<void> {
    expect(await visit('demo/public', stranger())).toBe(200) // as nobody
    expect(await visit('demo/user', { cookie: userCookie })).toBe(200) // remembered
    expect(await visit('demo/user', stranger())).toBe(401)
    expect(await visit('not-yet-known/x')).toBe(404)
    expect(await visit('demo/heartbeat', directHeaders())).toBe(200)
    const init = directHeaders({ 'ex-app-id': 'not-yet-known', 'ex-app-port': String(stage.exApp.port) })
    expect(await visit('not-yet-known/init', init)).toBe(200) // AppAPI says where it is
    expect((await nextcloudLine()).replace('nextcloud: ', '')).toMatch(words)
    const metrics = await operators('/metrics')
    for (const call of ['exapp-meta', 'user-info']) expect(metrics).toMatch(new RegExp(`^harpoon_nextcloud_calls_total\\{call="${call}",outcome="${outcome}"\\} [1-9]`, 'm'))
    const told = stage.plane.log.filter(({ msg }) => msg === 'Nextcloud gives no usable answers')
    expect(told.map(({ call, level }) => `${String(call)} ${level}`).sort()).toEqual(['exapp-meta warn', 'user-info warn']) // once each
    for (const { reason } of told) expect(reason).toMatch(words)
    expect(stage.plane.log.filter(({ outcome }) => outcome === 'identity-failed' || outcome === 'lookup-failed').length).toBeGreaterThan(1)
  }

  async function expectRecovery(): Promise<void> {
    stage.nextcloud.clearFaults()
    expect(await visit('demo/user', stranger())).toBe(200)
    expect(await visit('not-yet-known/x')).toBe(404)
    expect(await nextcloudLine()).toBe('nextcloud')
    // Nobody was counted as an attacker for what Nextcloud could not say.
    expect(await operators('/metrics')).toContain('\nharpoon_failing_clients 1\n') // who asked for an unknown app just now
  }

  it.each(faults)('%s, what is known goes on, the rest is told why, and all is well right after', async (_what, fault, outcome, words) => {
    await breakNextcloud(fault)
    expect(await visit('demo/public')).toBe(200)
    await expectToCope(outcome, words)
    await expectRecovery()
  })

  it.each([301, 302, 303, 307, 308])('redirects to another host (%d), the shared key does not follow', async (status) => {
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    await breakNextcloud({ kind: 'redirect', location, status })
    await expectToCope('redirect', new RegExp(`^Nextcloud redirects \\(status ${status}\\)`))
    expect(seenElsewhere).toEqual([])
    await expectRecovery()
  })

  it('throttles us (429), visitors are nobody and the admin is told', async () => {
    for (const endpoint of ['exapp-meta', 'user-info'] as const) stage.nextcloud.setFault(endpoint, { kind: 'answer', status: 429 })
    expect(await visit('not-yet-known/x')).toBe(404)
    stage.nextcloud.setFault('exapp-meta', { kind: 'delay', ms: 0 })
    expect(await visit('demo/public', stranger())).toBe(200)
    expect(await nextcloudLine()).toMatch(/Nextcloud throttles the address of this data plane \(status 429\)/)
    await expectRecovery()
  })

  it('takes 20 seconds, visitors get their answer; while it never ends one, they are told after 25', async () => {
    await breakNextcloud({ kind: 'delay', ms: 20_000 })
    stage.nextcloud.setFault('exapp-meta', { kind: 'drip' })
    const startedAt = performance.now()
    const answers = await Promise.all([
      visit('demo/user', stranger()),
      visit('demo/public'),
      visit('not-yet-known/x'),
      visit('demo/heartbeat', directHeaders()),
    ])
    const seconds = (performance.now() - startedAt) / 1000
    expect(answers).toEqual([200, 200, 404, 200])
    expect(seconds).toBeGreaterThan(24)
    expect(seconds).toBeLessThan(30)
    expect(await nextcloudLine()).toMatch(/Nextcloud did not answer in time .*exapp-meta/)
    await expectRecovery()
  }, 60_000)
})
