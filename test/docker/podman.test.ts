import { describe, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import type { DockerEngine } from '../support/dockerd.ts'
import { dockerLog } from '../support/appapi-client/docker-log.ts'
import { importImage } from '../support/image-from-files.ts'
import { type ImageRegistry, startImageRegistry } from '../support/image-registry.ts'
import { ensureFrp } from '../support/peers/frp.ts'
import { ensurePodman } from '../support/podman.ts'
import { callSocket, type EngineAnswer, type EngineCall } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'

interface PodmanAndRegistry {
  readonly engine: DockerEngine
  readonly registry: ImageRegistry
}

const podmanWithRegistry = {
  name: 'Podman, and Go for frpc',
  ensure: async (): Promise<PodmanAndRegistry> => {
    await ensureFrp('0.61.1')
    const registry = await startImageRegistry()
    return { registry, engine: await ensurePodman({ plainRegistry: registry.host }) }
  },
  stop: async ({ engine, registry }: PodmanAndRegistry): Promise<void> => {
    await engine.stop()
    await registry.close()
  },
}

const container = 'nc_app_raw'
const lines = 50

describeWithPeer('the raw Docker calls of AppAPI', podmanWithRegistry, ({ current, prepare, finish }) => {
  let stage: EngineStage
  let image: string
  prepare(async ({ engine, registry }) => {
    stage = await EngineStage.set({ localSocket: engine.socketPath, tls: true })
    await stage.connectEngine({ version: '0.61.1', remotePort: 24_001, socketPath: engine.socketPath })
    image = `${registry.host}/raw:1`
    await importImage(engine, image, { programs: { '/bin/sh': '/bin/sh' } })
    await engine.docker(['push', '--quiet', image])
    const script = `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); done`
    await engine.docker(['run', '--name', container, '--network', 'none', image, '/bin/sh', '-c', script])
  })
  finish(() => stage?.[Symbol.asyncDispose]())

  for (const [name, port] of [['the local socket', '24000'], ['a tunnel', '24001']] as const) {
    describe(`through ${name}`, () => {
      const ask = (call: EngineCall): Promise<EngineAnswer> => stage.call({ engine: port, ...call })

      it('ping it, in a version that it speaks', async () => {
        expect(await ask({ path: '/v1.44/_ping' })).toMatchObject({ status: 200, text: 'OK', headers: { 'api-version': '1.41' } })
        expect(await ask({ path: '/_ping', method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
      })

      it('inspect an image and a container, also when there are none', async () => {
        expect(JSON.parse((await ask({ path: `/v1.44/images/${image}/json` })).text)).toMatchObject({ RepoTags: [image] })
        expect(await ask({ path: '/v1.44/images/harpoon.example/absent:1/json' })).toMatchObject({ status: 404 })
        // No health check: an empty status, which AppAPI takes for healthy.
        expect(JSON.parse((await ask({ path: `/v1.44/containers/${container}/json` })).text)).toMatchObject({ State: { Status: 'exited', Health: { Status: '' } } })
        expect(await ask({ path: '/v1.44/containers/nc_app_absent/json' })).toMatchObject({ status: 404 })
      })

      it('read the log of a container in frames, byte for byte', async () => {
        const path = `/containers/${container}/logs?stdout=true&stderr=true&tail=all`
        const answer = await ask({ path: `/v1.44${path}` })
        expect(dockerLog(answer.body)).toBe(Array.from({ length: lines }, (_, index) => `line ${index}\n`).join(''))
        expect(answer.body.equals((await callSocket(current().engine.socketPath, { path: `/v1.41${path}` })).body)).toBe(true)
      })

      it('pull an image with lines of progress, and fail with its own status and reason', async () => {
        const pull = (reference: string): Promise<EngineAnswer> =>
          ask({ method: 'POST', path: `/v1.44/images/create?fromImage=${encodeURIComponent(reference)}`, headers: { connection: 'close' } })
        const answer = await pull(image)
        expect(answer.status).toBe(200)
        const progress = answer.text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { status?: string; error?: string })
        expect(progress.length).toBeGreaterThan(0)
        expect(progress.filter(({ error }) => error !== undefined)).toEqual([])
        const absent = await pull(`${current().registry.host}/absent:1-cpu`)
        expect(absent.status).toBeGreaterThanOrEqual(400)
        expect(absent.text).toMatch(/manifest unknown|not found/)
      })
    })
  }
})
