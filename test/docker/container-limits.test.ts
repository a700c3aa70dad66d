import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EngineAnswer } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'
import { exAppCall } from './exapp-call.ts'
import { type ScriptedEngine, startScriptedEngine } from './scripted-engine.ts'

const able = {
  'GET /volumes/nc_app_x_data': { status: 200, body: {} },
  'POST /containers/create': { status: 201, body: { Id: 'abc' } },
  'POST /images/create': { status: 200, body: '{"status":"Pulling"}\n' },
}

describe('what a container may be given', () => {
  let stage: EngineStage
  let engine: ScriptedEngine
  beforeAll(async () => {
    stage = await EngineStage.set({ localSocket: 'docker.sock' })
    engine = await startScriptedEngine(stage)
  })
  afterAll(() => stage[Symbol.asyncDispose]())
  beforeEach(() => engine.say(able))

  const create = (fields: object): Promise<EngineAnswer> => exAppCall(stage, 'create', { name: 'x', image_id: 'ghcr.io/a/b:1', ...fields })

  it('is any folder and any image when nothing is set, and each folder is in the log', async () => {
    expect(await create({ mount_points: [{ source: '/', target: '/host', mode: 'rw' }, { source: '/srv', target: '/srv', mode: 'ro' }] })).toMatchObject({ status: 201 })
    expect(await create({ image_id: 'cafe' })).toMatchObject({ status: 201 })
    const lines = stage.plane.log.filter(({ msg }) => msg.startsWith('an ExApp gets a folder'))
    expect(lines.map(({ level, container, source, target, readOnly }) => ({ level, container, source, target, readOnly }))).toEqual([
      { level: 'warn', container: 'nc_app_x', source: '/', target: '/host', readOnly: false },
      { level: 'warn', container: 'nc_app_x', source: '/srv', target: '/srv', readOnly: true },
    ])
  })
})

describe('what a container may be given within limits', () => {
  let stage: EngineStage
  let engine: ScriptedEngine
  let config: string
  beforeAll(async () => {
    const folder = await EngineStage.set() // for its folder: the file has to be there before the data plane is
    config = folder.socket('harpoon.yaml')
    await set({ mounts: '[/srv, /mnt/x]', registries: '[ghcr.io, docker.io/nextcloud]' })
    stage = await EngineStage.set({ localSocket: 'docker.sock', environment: { HARPOON_CONFIG: config } })
    stage.alsoClose(() => folder[Symbol.asyncDispose]())
    engine = await startScriptedEngine(stage)
  })
  afterAll(() => stage[Symbol.asyncDispose]())
  beforeEach(() => engine.say(able))

  const set = ({ mounts, registries }: { mounts: string; registries: string }): Promise<void> =>
    writeFile(config, `HARPOON_ALLOWED_MOUNTS: ${mounts}\nHARPOON_ALLOWED_REGISTRIES: ${registries}\n`)
  const create = (fields: object): Promise<EngineAnswer> => exAppCall(stage, 'create', { name: 'x', image_id: 'ghcr.io/a/b:1', ...fields })
  const mount = (source: string): Promise<EngineAnswer> => create({ mount_points: [{ source: '/srv/fine', target: '/a' }, { source, target: '/b' }] })
  const pull = (query: string, headers: Record<string, string> = {}, body?: Buffer): Promise<EngineAnswer> =>
    stage.call({ method: 'POST', path: `/v1.44/images/create${query}`, engine: '24000', headers, body })

  it.each(['/srv', '/srv/', '/srv/a/b', '//mnt//x', '/mnt/x/./y'])('is the folder %s, which is not logged', async (source) => {
    expect(await mount(source)).toMatchObject({ status: 201 })
    expect(stage.plane.logText()).not.toContain('gets a folder')
  })

  it.each(['/', '/etc', '/srvx', '/mnt', '/var/run/docker.sock', '/srv ', '/Srv'])('is not the folder %j: 403 with a reason, and nothing is asked', async (source) => {
    expect(await mount(source)).toMatchObject({
      status: 403,
      text: `mounting ${source} is not allowed; HARPOON_ALLOWED_MOUNTS allows /srv, /mnt/x`,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
    expect(engine.asked).toEqual([])
  })

  it.each(['/srv/../etc', '/srv/..', '/srv/a/../../etc'])('is not %s, which climbs: 400', async (source) => {
    expect(await mount(source)).toMatchObject({ status: 400 })
    expect(engine.asked).toEqual([])
  })

  it.each(['ghcr.io/a', 'nextcloud/a:1', 'docker.io/nextcloud/a'])('is the image %s', async (image) => {
    expect(await create({ image_id: image })).toMatchObject({ status: 201 })
    expect(await pull(`?fromImage=${encodeURIComponent(image)}`)).toMatchObject({ status: 200 })
  })

  it.each(['evil.example/a', 'nginx', 'docker.io/nextcloudx/a', 'ghcr.io.evil.example/a', 'localhost/a'])('is not the image %s, neither pulled nor run', async (image) => {
    for (const answer of [await create({ image_id: image }), await pull(`?fromImage=${encodeURIComponent(image)}`)]) {
      expect(answer).toMatchObject({ status: 403, text: expect.stringMatching(/^images of .* are not allowed; HARPOON_ALLOWED_REGISTRIES allows ghcr\.io, docker\.io\/nextcloud$/) })
    }
    expect(engine.asked).toEqual([])
  })

  it('is no image that a body, an import or another spelling of the call would bring in', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await pull('?fromImage=ghcr.io/a', form, Buffer.from('fromImage=evil.example/a'))).toMatchObject({ status: 403 })
    expect(await pull('?fromSrc=-&repo=ghcr.io/a', {}, Buffer.from('x'))).toMatchObject({ status: 403 })
    for (const path of ['/images%2Fcreate?fromImage=evil.example/a', '/v1.44/images%2fcreate?fromImage=evil.example/a', '/v1.44/IMAGES/create?fromImage=evil.example/a']) {
      expect(await stage.call({ method: 'POST', path, engine: '24000' })).toMatchObject({ status: 403 })
    }
    expect(engine.asked).toEqual([])
  })

  it('changes while we run', async () => {
    await set({ mounts: 'none', registries: '[evil.example]' })
    await stage.plane.reload()
    expect(await mount('/srv')).toMatchObject({ status: 403, text: 'images of ghcr.io are not allowed; HARPOON_ALLOWED_REGISTRIES allows evil.example' })
    expect(await create({ image_id: 'evil.example/a', mount_points: [{ source: '/srv', target: '/a' }] })).toMatchObject({ status: 403, text: 'mounting /srv is not allowed; HARPOON_ALLOWED_MOUNTS allows nothing' })
    expect(await create({ image_id: 'evil.example/a' })).toMatchObject({ status: 201 })
    expect(await pull('?fromImage=evil.example/a')).toMatchObject({ status: 200 })
    await set({ mounts: '[/srv]', registries: '[ghcr.io]' })
    await stage.plane.reload()
    expect(await mount('/srv')).toMatchObject({ status: 201 })
    expect(await pull('?fromImage=evil.example/a')).toMatchObject({ status: 403 })
  })

  it('stays as it was when what is set anew cannot be used', async () => {
    await set({ mounts: '[/srv, ../etc]', registries: '[ghcr.io]' })
    await stage.plane.reload()
    expect(await mount('/etc')).toMatchObject({ status: 403 })
    expect(await mount('/srv')).toMatchObject({ status: 201 })
  })
})
