import { expect, it } from 'vitest'
import { EngineStage } from './engine-stage.ts'
import { type Answerer, startStandInEngine } from './stand-in-engine.ts'

/** A stage with one engine that answers `/version` like this. */
async function stageWith(
  version: Answerer,
): Promise<{ stage: EngineStage; urls: () => string[]; connections: () => number }> {
  const stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HP_TIMEOUT_CONNECT: '2s' } })
  const engine = await startStandInEngine(stage.socket('docker.sock'), { version })
  stage.alsoClose(() => engine.close())
  return { stage, urls: () => engine.requests.map(({ url }) => url), connections: () => engine.connections }
}

const says =
  (body: unknown, status = 200): Answerer =>
  (_incoming, reply) =>
    void reply
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body))

it('asks an older engine for the newest version that it speaks, and leaves the rest of the path alone', async () => {
  const { stage, urls } = await stageWith(says({ ApiVersion: '1.41', MinAPIVersion: '1.12' }))
  await using _ = stage
  for (const path of [
    '/v1.44/_ping',
    '/V1.44/_ping?x=%2F',
    '/v1.40/images/a%2Fb/json',
    '/v1.44/images/a%2Fb/json',
    '/_ping',
    '/v1.2/_ping',
    '/v...../_ping',
    '/v99999999999999999999.1/_ping',
  ]) {
    expect(await stage.call({ path, engine: '24000' })).toMatchObject({ status: 200 })
  }
  expect(urls()).toEqual([
    '/v1.41/_ping',
    '/v1.41/_ping?x=%2F',
    '/v1.40/images/a%2Fb/json',
    '/v1.41/images/a%2Fb/json',
    '/_ping',
    '/v1.12/_ping',
    '/v1.41/_ping',
    '/v1.41/_ping',
  ])
})

it('asks a newer engine for the oldest version that it still speaks', async () => {
  const { stage, urls } = await stageWith(says({ ApiVersion: '1.60', MinAPIVersion: '1.48' }))
  await using _ = stage
  expect(await stage.call({ path: '/v1.44/_ping', engine: '24000' })).toMatchObject({ status: 200 })
  expect(urls()).toEqual(['/v1.48/_ping'])
})

it('follows an engine that is upgraded while we run', async () => {
  let newest = '1.41'
  const { stage, urls } = await stageWith((incoming, reply) =>
    says({ ApiVersion: newest, MinAPIVersion: '1.12' })(incoming, reply),
  )
  await using _ = stage
  await stage.ping('24000')
  newest = '1.47'
  await stage.ping('24000')
  expect(urls()).toEqual(['/v1.41/_ping', '/v1.44/_ping'])
})

it('does with an engine that does not say what it still understands', async () => {
  const { stage, urls } = await stageWith(says({ ApiVersion: '1.24' }))
  await using _ = stage
  expect(await stage.ping('24000')).toMatchObject({ status: 200 })
  expect(urls()).toEqual(['/v1.24/_ping'])
})

it.each([
  ['a page', says('<html>', 200)],
  ['a list', says([])],
  ['no version', says({ Version: '20.10' })],
  ['a path for a version', says({ ApiVersion: '1.44/../../containers/x' })],
  ['lines for a version', says({ ApiVersion: '1.44 HTTP/1.1\r\nX-Injected: 1' })],
  ['404', says({ message: 'page not found' }, 404)],
  ['a redirect', says('', 302)],
  ['megabytes', says(`"${'x'.repeat(2_000_000)}"`)],
])('takes what answers with %s for no engine: 503, and it gets no call', async (_what, version) => {
  const { stage, urls } = await stageWith(version)
  await using _ = stage
  expect(await stage.ping('24000')).toMatchObject({
    status: 503,
    text: expect.stringMatching(/^what answers there is no Docker Engine: \/version /),
  })
  expect(urls()).toEqual([])
})

it('shares one question among calls that come together, and keeps connections for those that follow', async () => {
  let questions = 0
  const { stage, urls, connections } = await stageWith((incoming, reply) => {
    questions += 1
    setImmediate(() => says({ ApiVersion: '1.47', MinAPIVersion: '1.24' })(incoming, reply))
  })
  await using _ = stage
  await stage.ping('24000')
  await stage.ping('24000')
  await stage.ping('24000')
  expect([questions, connections()]).toEqual([3, 2]) // one for the questions, one for the calls
  await Promise.all(Array.from({ length: 20 }, () => stage.ping('24000')))
  expect(questions).toBeLessThan(23)
  expect(urls().length).toBe(23)
})
