import { describe, expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { BanList } from './ban-list.ts'
import * as errors from './errors.ts'
import { answerTo } from './exchange.fixture.ts'
import { createResponder, type Responder } from './respond.ts'

function watched({ count = 10 } = {}) {
  const lines: string[] = []
  const observed: unknown[] = []
  const reached: string[] = []
  const bans = new BanList({ count, windowMs: 1000, now: () => 1_000_000, maxAddresses: 10, onFull: () => {} })
  const responder = createResponder({
    bans,
    log: createLog('debug', false, { write: (line) => void lines.push(line) }),
    observe: ({ app }, outcome, status) => void observed.push({ app, outcome, status }),
    onLimit: (limit) => void reached.push(limit),
  })
  const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { responder, bans, observed, reached, logged, lines }
}

const key = { 'harp-shared-key': 'sk' }
const keepAlive = { connection: 'keep-alive' }
const refusal = (responder: Responder, error: unknown, headers: Record<string, string> = {}, path = '/exapps/demo/x?secret=geheim') =>
  answerTo({ path, headers }, (exchange) => responder.refused(exchange, error))

const refusals: readonly [errors.RequestError, number | 'dropped', string, 'nobody' | 'visitors' | 'everybody', string][] = [
  [new errors.MalformedRequestError('reason'), 400, '400 Bad Request', 'nobody', 'warn'],
  [new errors.BannedError('reason'), 'dropped', '', 'nobody', 'info'],
  [new errors.ClimbingPathError('reason'), 'dropped', '', 'visitors', 'warn'],
  [new errors.NoAppIdError('reason'), 404, '404 Not Found', 'visitors', 'warn'],
  [new errors.UnknownExAppError('demo'), 404, '404 Not Found', 'visitors', 'warn'],
  [new errors.ExAppLookupError('demo', new Error('down')), 404, '404 Not Found', 'nobody', 'error'],
  [new errors.WrongKeyError('reason'), 401, '401 Unauthorized', 'everybody', 'warn'],
  [new errors.WrongSignatureError('reason'), 'dropped', '', 'everybody', 'warn'],
  [new errors.LifecyclePathError('reason'), 'dropped', '', 'everybody', 'warn'],
  [new errors.VisitorUnidentifiedError(new Error('down')), 401, '401 Unauthorized', 'nobody', 'error'],
  [new errors.AccessDeniedError('reason'), 403, '403 Forbidden', 'everybody', 'warn'],
  [new errors.NoRouteError('reason'), 404, '404 Not Found', 'everybody', 'warn'],
  [new errors.BadControlHeaderError('reason'), 503, '503 Service Unavailable', 'nobody', 'warn'],
  [new errors.UpstreamUnresolvableError('demo', false), 404, '404 Not Found', 'nobody', 'error'],
  [new errors.UpstreamUnresolvableError('demo', true), 502, '502 Bad Gateway', 'nobody', 'error'],
  [new errors.UpstreamUnreachableError('reason'), 503, '503 Service Unavailable', 'nobody', 'error'],
  [new errors.UpstreamClosedError('reason'), 502, '502 Bad Gateway', 'nobody', 'error'],
  [new errors.UpstreamTimeoutError('reason'), 504, '504 Gateway Timeout', 'nobody', 'error'],
  [new errors.ClientTooSlowError('reason'), 408, '408 Request Timeout', 'nobody', 'info'],
  [new errors.ClientGoneError('reason'), 'dropped', '', 'nobody', 'info'],
  [new errors.DockerPathError('reason'), 403, '403 Forbidden', 'nobody', 'warn'],
]

describe('a refusal', () => {
  it.each(refusals.map(([error, ...expected]) => [error.outcome, error, ...expected] as const))('tells a visitor the status only, and counts as HaRP counts: %s', async (_outcome, error, status, text, counts, level) => {
    const { responder, bans, observed, logged, lines } = watched()
    const answer = await refusal(responder, error)
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': String(text.length), 'cache-control': 'no-store' }
    expect(answer === 'dropped' ? { status: answer } : answer).toMatchObject(status === 'dropped' ? { status } : { status, text, headers })
    expect(bans.size).toBe(counts === 'nobody' ? 0 : 1)
    expect(observed).toEqual([{ app: '', outcome: error.outcome, status: status === 'dropped' ? 0 : status }])
    expect(logged()).toEqual([
      expect.objectContaining({ level, msg: error.message, outcome: error.outcome, method: 'GET', path: '/exapps/demo/x', client: '127.0.0.1', app: '', status: error.status }),
    ])
    expect(lines.join('')).not.toContain('geheim')
  })

  it.each(refusals.map(([error, ...expected]) => [error.outcome, error, ...expected] as const))('tells a key holder the reason, whom only some of them count against: %s', async (_outcome, error, status, _text, counts) => {
    const { responder, bans } = watched()
    const answer = await refusal(responder, error, key)
    const headers = { 'content-type': 'text/plain; charset=utf-8' }
    expect(answer === 'dropped' ? { status: answer } : answer).toMatchObject(status === 'dropped' ? { status } : { status, text: error.message, headers })
    expect(bans.size).toBe(counts === 'everybody' ? 1 : 0)
  })

  it('of a flaw of ours tells nobody more than that, and the log everything', async () => {
    const { responder, observed, logged } = watched()
    const flaw = new TypeError('geheim')
    expect(await refusal(responder, flaw)).toMatchObject({ status: 503, text: '503 Service Unavailable' })
    expect(await refusal(responder, flaw, key)).toMatchObject({ status: 503, text: 'unexpected error in the data plane, see its log' })
    const seen = { app: '', outcome: 'unexpected', status: 503 }
    expect(observed).toEqual([seen, seen])
    expect(logged()[0]).toMatchObject({ level: 'error', outcome: 'unexpected', err: { type: 'TypeError', message: 'geheim' } })
  })

  it('says how many failures there were, and when they ban', async () => {
    const { responder, bans, logged } = watched({ count: 2 })
    for (let n = 0; n < 2; n++) await refusal(responder, new errors.AccessDeniedError('no'))
    expect(bans.isBanned('127.0.0.1')).toBe(true)
    expect(logged().map(({ level, msg, failures }) => ({ level, msg, failures }))).toEqual([
      { level: 'warn', msg: 'no', failures: 1 },
      { level: 'warn', msg: 'client is banned after 2 failures, the last: denied', failures: 2 },
      { level: 'warn', msg: 'no', failures: 2 },
    ])
  })

  it('to a HEAD request has no body', async () => {
    const { responder } = watched()
    const answer = await answerTo({ path: '/', method: 'HEAD' }, (exchange) => responder.refused(exchange, new errors.NoRouteError('no')))
    expect(answer).toMatchObject({ status: 404, text: '', headers: { 'content-length': '13' } })
  })

  it('after the head of an answer has gone leaves the connection to whoever sent it', async () => {
    const { responder, observed } = watched()
    const answer = await answerTo({ path: '/' }, (exchange, reply) => {
      reply.writeHead(200)
      reply.flushHeaders()
      responder.refused(exchange, new errors.UpstreamClosedError('cut'))
      reply.end('rest')
    })
    expect([answer, observed]).toMatchObject([{ status: 200, text: 'rest' }, [{ outcome: 'closed' }]])
  })

  it('of an upload arrives although the body was not read, and the connection goes on', async () => {
    const { responder } = watched()
    const answer = await answerTo({ path: '/', method: 'POST', headers: keepAlive, body: Buffer.alloc(512 * 1024) }, (exchange) =>
      responder.refused(exchange, new errors.AccessDeniedError('no')),
    )
    expect(answer).toMatchObject({ status: 403, text: '403 Forbidden', headers: { connection: 'keep-alive' } })
  })

  it('to a client that waits for "continue" closes the connection', async () => {
    const { responder } = watched()
    const answer = await answerTo({ path: '/', method: 'POST', headers: { ...keepAlive, expect: '100-continue', 'content-length': '5' } }, (exchange) =>
      responder.refused(exchange, new errors.AccessDeniedError('no')),
    )
    expect(answer).toMatchObject({ status: 403, headers: { connection: 'close' } })
  })
})

describe('a forwarded request', () => {
  it('is one line at info with what the ExApp answered', async () => {
    const { responder, observed, logged } = watched()
    await answerTo({ path: '/exapps/demo/p?secret=geheim', method: 'PUT' }, (exchange, reply) => {
      exchange.app = 'demo'
      reply.writeHead(204).end()
      responder.finished(exchange)
    })
    expect(observed).toEqual([{ app: 'demo', outcome: 'forwarded', status: 204 }])
    expect(logged()).toEqual([
      { level: 'info', time: expect.any(String), msg: 'forwarded', method: 'PUT', path: '/exapps/demo/p', client: '127.0.0.1', app: 'demo', status: 204, ms: expect.any(Number) },
    ])
  })

  it('counts against the client when its route says so, also with the right key', async () => {
    const { responder, bans, logged } = watched()
    await answerTo({ path: '/', headers: key }, (exchange, reply) => {
      responder.failedUpstream(exchange, 401)
      reply.end()
    })
    expect(bans.size).toBe(1)
    expect(logged()).toMatchObject([{ level: 'warn', client: '127.0.0.1', status: 401, failures: 1, msg: 'the ExApp reports a failure of the client' }])
  })
})
