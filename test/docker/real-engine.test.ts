import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { boundApiVersion } from '../../proxy/appapi/api-version.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { type DockerEngine, ensureDocker } from '../support/dockerd.ts'
import { importImage } from '../support/image-from-files.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { callSocket, type EngineAnswer, type EngineCall } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'

/** Unlike any other on an engine that ran before. */
const suffix = `${process.pid}_${Date.now()}`
const image = `harpoon.example/tests/engine:${suffix}`
const imported = `harpoon-imported:${suffix}`
const container = `nc_app_harpoon_${suffix}`
const lines = 300

const enginesWithTunnel = {
  name: 'a Docker Engine, and Go for frpc',
  ensure: async (): Promise<DockerEngine> => {
    await Promise.all([ensureFrp('0.61.1'), ensureFrp('0.71.0')])
    return ensureDocker()
  },
  stop: (engine: DockerEngine) => engine.stop(),
}

describeWithPeer('a real Docker Engine', enginesWithTunnel, ({ current, prepare, finish }) => {
  let stage: EngineStage
  prepare(async (engine) => {
    stage = await EngineStage.set({ localSocket: engine.socketPath, tls: true })
    await stage.connectEngine({ version: '0.61.1', remotePort: 24_001, socketPath: engine.socketPath })
    await stage.connectEngine({ version: '0.71.0', remotePort: 24_099, socketPath: engine.socketPath })
    await importImage(engine, image, { programs: { '/bin/sh': '/bin/sh' } })
    const script = `i=0; while [ $i -lt ${lines} ]; do echo "line $i on stdout"; echo "line $i on stderr" >&2; i=$((i+1)); done`
    await engine.docker(['run', '--name', container, '--network', 'none', image, '/bin/sh', '-c', script])
  })
  finish(async (engine) => {
    await stage?.[Symbol.asyncDispose]()
    await engine.docker(['rm', '--force', container])
    await engine.docker(['image', 'rm', '--force', image, imported])
  })

  for (const [name, port] of [
    ['local socket', '24000'],
    ['frpc 0.61.1 and mutual TLS', '24001'],
    ['frpc 0.71.0 and mutual TLS', '24099'],
  ] as const) {
    describe(`through ${name}`, () => {
      const ask = (call: EngineCall): Promise<EngineAnswer> => stage.call({ engine: port, ...call })
      /** The version that AppAPI asks for, as far as the engine speaks it: newer ones say other things of an image. */
      const spoken = (): string => boundApiVersion('1.44', { newest: current().apiVersion, oldest: '1.12' })
      /** The same call at the engine itself. */
      const askEngine = (call: EngineCall): Promise<EngineAnswer> => callSocket(current().socketPath, call)

      it.each(['/_ping', '/v1.44/_ping', '/v1.12/_ping', '/v1.999/_ping', '/_ping?x=1', '/v1.44/_ping?x=%2F'])(
        'answers GET and HEAD of %s with its own headers',
        async (target) => {
          expect(await ask({ path: target })).toMatchObject({
            status: 200,
            text: 'OK',
            headers: { 'api-version': current().apiVersion, ostype: 'linux' },
          })
          expect(await ask({ path: target, method: 'HEAD' })).toMatchObject({
            status: 200,
            text: '',
            headers: { 'api-version': current().apiVersion },
          })
        },
      )

      it('is asked only for a version that it speaks: by itself it refuses others', async () => {
        expect(await askEngine({ path: '/v1.999/_ping' })).toMatchObject({
          status: 400,
          text: expect.stringContaining('too new'),
        })
        expect(await ask({ path: `/v1.999/images/${image}/json` })).toMatchObject({ status: 200 })
      })

      it('gives its own refusal of a path that it spells otherwise', async () => {
        expect(await ask({ path: '/V1.44/_PING' })).toMatchObject({ status: 404 })
      })

      it('inspects an image, whatever its reference is made of', async () => {
        const reference = image
        const direct = await askEngine({ path: `/v${spoken()}/images/${reference}/json` })
        expect(direct.status).toBe(200)
        for (const written of [reference, reference.replaceAll('/', '%2F'), encodeURIComponent(reference)]) {
          const answer = await ask({ path: `/v1.44/images/${written}/json` })
          expect(answer).toMatchObject({
            status: 200,
            text: direct.text,
            headers: { 'content-type': 'application/json' },
          })
        }
        expect(JSON.parse(direct.text)).toMatchObject({ RepoTags: [reference] })
      })

      it('says 404 for an image that is not there, in its own words', async () => {
        const [answer, direct] = await Promise.all([
          ask({ path: '/v1.44/images/harpoon.example/absent:1/json' }),
          askEngine({ path: '/images/harpoon.example/absent:1/json' }),
        ])
        expect(answer).toMatchObject({ status: 404, text: direct.text })
      })

      it('fails a pull with the status and the reason that it has itself', async () => {
        const pull = {
          method: 'POST',
          path: '/images/create?fromImage=127.0.0.1%3A1%2Fabsent%3Alatest-cpu',
          headers: { 'user-agent': 'GuzzleHttp/7', connection: 'close' },
        }
        const direct = await askEngine(pull)
        const answer = await ask({ ...pull, path: `/v1.44${pull.path}` })
        expect(answer.status).toBe(direct.status)
        expect(answer.status).toBeGreaterThanOrEqual(400)
        expect(answer.text).toBe(direct.text)
        expect(answer.text).toContain('connection refused')
        expect(answer.headers['content-type']).toBe(direct.headers['content-type'])
      })

      it('takes the streamed body of an import and streams its progress back', async () => {
        const archive = await archiveOf(Buffer.alloc(3 * 1024 * 1024, 'harpoon'))
        const create = `/v1.44/images/create?fromSrc=-&repo=${imported.split(':')[0]}&tag=${suffix}`
        const answer = await ask({
          method: 'POST',
          path: create,
          body: archive,
          headers: { 'content-type': 'application/x-tar', 'transfer-encoding': 'chunked' },
        })
        expect(answer.status).toBe(200)
        const { status: id } = JSON.parse(answer.text) as { status: string }
        expect(id).toMatch(/^sha256:[0-9a-f]{64}$/)
        expect(JSON.parse((await ask({ path: `/v1.44/images/${imported}/json` })).text)).toMatchObject({ Id: id })
      })

      it('inspects a container of an ExApp, and no other', async () => {
        const answer = await ask({ path: `/v1.44/containers/${container}/json` })
        expect(answer.status).toBe(200)
        expect(JSON.parse(answer.text)).toMatchObject({
          Name: `/${container}`,
          State: { Status: 'exited', ExitCode: 0 },
        })
        const { Id: id } = JSON.parse(answer.text) as { Id: string }
        expect(await ask({ path: `/v1.44/containers/${id}/json` })).toMatchObject({ status: 403 })
        expect(await ask({ path: '/v1.44/containers/nc_app_absent/json' })).toMatchObject({ status: 404 })
      })

      it('gives the logs of a container in whole frames', async () => {
        const query = 'stdout=true&stderr=true&tail=all'
        const answer = await ask({ path: `/v1.44/containers/${container}/logs?${query}` })
        expect(answer.status).toBe(200)
        const direct = await askEngine({ path: `/containers/${container}/logs?${query}` })
        expect(answer.body.equals(direct.body)).toBe(true)
        expect(answer.headers['content-type']).toBe(direct.headers['content-type'])
        const frames = framesOf(answer.body)
        const expected = Array.from({ length: lines }, (_, at) => at)
        expect(frames.filter(({ stream }) => stream === 1).map(({ text }) => text)).toEqual(
          expected.map((at) => `line ${at} on stdout\n`),
        )
        expect(frames.filter(({ stream }) => stream === 2).map(({ text }) => text)).toEqual(
          expected.map((at) => `line ${at} on stderr\n`),
        )
      })

      it('gives only the last lines when asked for those', async () => {
        const query = 'stdout=true&stderr=true&tail=2'
        const answer = await ask({ path: `/v1.44/containers/${container}/logs?${query}` })
        expect(answer.body.equals((await askEngine({ path: `/containers/${container}/logs?${query}` })).body)).toBe(
          true,
        )
        expect(framesOf(answer.body)).toHaveLength(2)
      })

      it('lists, creates and starts nothing', async () => {
        for (const [method, target] of [
          ['GET', '/v1.44/containers/json'],
          ['GET', '/v1.44/images/json'],
          ['POST', '/v1.44/containers/create'],
          ['POST', `/v1.44/containers/${container}/start`],
          ['DELETE', `/v1.44/images/${image}`],
        ] as const) {
          expect(await ask({ method, path: target })).toMatchObject({ status: 403 })
        }
      })
    })
  }
})

/** Docker's multiplexed stream: one byte for the stream, three zeros, four for the length, then so many bytes. */
function framesOf(bytes: Buffer): { stream: number; text: string }[] {
  const frames: { stream: number; text: string }[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    expect([...bytes.subarray(at + 1, at + 4)]).toEqual([0, 0, 0])
    frames.push({ stream: bytes.readUInt8(at), text: bytes.toString('utf8', at + 8, at + 8 + length) })
    at += 8 + length
  }
  return frames
}

/** A tar archive of one file. */
async function archiveOf(content: Buffer): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'harpoon-archive-'))
  try {
    await writeFile(path.join(folder, 'file'), content)
    const { stdout } = await promisify(execFile)('tar', ['-C', folder, '-cf', '-', 'file'], {
      encoding: 'buffer',
      maxBuffer: 2 * content.length,
    })
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
