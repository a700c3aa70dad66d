import { pipeline, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineAnswer } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type Answerer, startStandInEngine } from './stand-in-engine.ts'

/** As Podman 4.3 sends it for an image that is not there. */
const failure = `${JSON.stringify({ progressDetail: {}, errorDetail: { message: 'manifest unknown' }, error: 'reading manifest 1-cpu: manifest unknown' })}\n`
const progress = '{"status":"Pulling fs layer","id":"a"}\n{"status":"Download complete","id":"a"}\n'

/** Each part in a packet of its own. */
async function* slowly(parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    yield Buffer.from(part)
    await delay(20)
  }
}

describe('a pull that an engine answers with 200', () => {
  let stage: EngineStage
  let answer: Answerer
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    const engine = await startStandInEngine(stage.socket('docker.sock'), { answer: (incoming, reply) => answer(incoming, reply) })
    stage.alsoClose(() => engine.close())
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  const pull = (): Promise<EngineAnswer> => stage.call({ method: 'POST', path: '/v1.44/images/create?fromImage=x', engine: '24000' })
  const inParts = (...parts: readonly string[]): Answerer => (_incoming, reply) => {
    reply.writeHead(200, { 'x-of-the-engine': 'yes' })
    pipeline(Readable.from(slowly(parts)), reply, () => {}) // the data plane may have enough before the end
  }

  it.each([
    ['in one piece', [failure]],
    ['in two', [failure.slice(0, 30), failure.slice(30)]],
    ['without a line break', [failure.trimEnd()]],
    ['with more behind it', [failure, progress]],
  ])('and begins with an error, %s, has failed: 500 with the reason', async (_how, parts) => {
    answer = inParts(...parts)
    expect(await pull()).toMatchObject({ status: 500, text: 'reading manifest 1-cpu: manifest unknown', headers: { 'content-type': 'text/plain; charset=utf-8' } })
  })

  it.each([
    ['progress', [progress]],
    ['progress and then an error', [progress, failure]],
    ['progress in pieces', [progress.slice(0, 5), progress.slice(5, 60), progress.slice(60)]],
    ['nothing', []],
    ['what is no JSON', ['Pulling\n', progress]],
    ['a line without end', ['x'.repeat(100_000), 'y'.repeat(100_000)]],
  ])('is passed on as it is when it brings %s', async (_what, parts) => {
    answer = inParts(...parts)
    expect(await pull()).toMatchObject({ status: 200, text: parts.join(''), headers: { 'x-of-the-engine': 'yes' } })
  })

  it('is passed on line by line', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    answer = (_incoming, reply) => {
      reply.write(progress)
      void promise.then(() => reply.end(progress))
    }
    const incoming = await stage.open({ method: 'POST', path: '/v1.44/images/create?fromImage=x', engine: '24000' })
    let text = ''
    for await (const chunk of incoming.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk
      if (text === progress) resolve()
    }
    expect(text).toBe(progress + progress)
  })
})
