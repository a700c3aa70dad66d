import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type StandInEngine, startStandInEngine } from '../docker/stand-in-engine.ts'
import { type EngineProxy, startEngineProxy } from './engine-proxy.ts'

let folder = ''
let engine: StandInEngine
let proxy: EngineProxy
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'harpoon-proxy-'))
  engine = await startStandInEngine(path.join(folder, 'engine.sock'), {
    answer: (incoming, reply) => {
      if (incoming.url?.endsWith('/start')) reply.writeHead(204).end()
      else reply.end('{"Id":"abc"}')
    },
  })
  proxy = await startEngineProxy(path.join(folder, 'proxy.sock'), engine.socketPath)
})
afterEach(async () => {
  await proxy.close()
  await engine.close()
  await rm(folder, { recursive: true })
})

/** The answer of one call, or the code with which it failed. */
function call(method: string, url: string, { body, timeoutMs = 5_000 }: { body?: string; timeoutMs?: number } = {}): Promise<string> {
  return new Promise((resolve) => {
    const sending = request({ socketPath: proxy.socketPath, method, path: url, agent: false, signal: AbortSignal.timeout(timeoutMs) })
    const failed = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.message)
    sending.on('error', failed)
    sending.on('response', (response) => {
      text(response).then((body) => resolve(`${response.statusCode} ${body}`), failed)
    })
    sending.end(body)
  })
}

it('passes calls on and remembers them, without API version and query', async () => {
  expect(await call('POST', '/v1.41/containers/create?name=x', { body: '{"Image":"i"}' })).toBe('200 {"Id":"abc"}')
  expect(await call('GET', '/containers/x/json')).toBe('200 {"Id":"abc"}')
  expect(await call('POST', '/containers/x/start')).toBe('204 ')
  const create = { method: 'POST', path: '/containers/create', query: 'name=x', body: '{"Image":"i"}' }
  expect(proxy.changes).toEqual([create, { method: 'POST', path: '/containers/x/start', query: '', body: '' }])
  expect(proxy.calls).toHaveLength(3)
  expect(engine.requests[0]?.url).toBe('/v1.41/containers/create?name=x')
})

it.each([
  [{ kind: 'dies before' }, 'ECONNRESET', 0],
  [{ kind: 'dies after' }, 'ECONNRESET', 1],
  [{ kind: 'dies mid-answer' }, 'ECONNRESET', 1],
  [{ kind: 'answers', status: 500 }, '500 {"message":"broken on purpose"}', 0],
  [{ kind: 'answers garbage' }, 'HPE_INVALID_CONSTANT', 0],
  [{ kind: 'refuses' }, 'ECONNRESET', 0],
] as const)('breaks the second such call and no other: %o', async (fault, outcome, worked) => {
  proxy.break({ method: 'GET', path: /json$/, nth: 2, fault })
  expect(await call('GET', '/containers/x/json')).toBe('200 {"Id":"abc"}')
  expect(await call('POST', '/containers/x/json')).toBe('200 {"Id":"abc"}')
  expect(proxy.allMet).toBe(false)
  const before = engine.requests.length
  expect(await call('GET', '/containers/x/json')).toBe(outcome)
  expect([proxy.allMet, engine.requests.length - before]).toEqual([true, worked])
  await proxy.heal()
  expect(await call('GET', '/containers/x/json')).toBe('200 {"Id":"abc"}')
})

it('accepts nothing more once it refuses', async () => {
  proxy.break({ method: 'GET', path: /json$/, fault: { kind: 'refuses' } })
  await call('GET', '/containers/x/json')
  expect(await call('GET', '/_ping')).toMatch(/^(ENOENT|ECONNREFUSED)$/)
})

it('breaks an answer without a body in its status line', async () => {
  proxy.break({ method: 'POST', path: /start$/, fault: { kind: 'dies mid-answer' } })
  expect(await call('POST', '/containers/x/start')).toMatch(/^(ECONNRESET|HPE_INVALID_EOF_STATE)$/)
})

it('takes a call that stalls, and says nothing', async () => {
  proxy.break({ method: 'GET', path: /json$/, every: true, fault: { kind: 'stalls' } })
  expect(await call('GET', '/containers/x/json', { timeoutMs: 200 })).toBe('ABORT_ERR')
  expect(engine.requests).toHaveLength(0)
})
