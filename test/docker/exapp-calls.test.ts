import { mkdir } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { z } from 'zod'
import { exAppToken } from '../../proxy/tunnel/tokens.ts'
import { sharedKey } from '../support/data-plane.ts'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { dockerEngine, type DockerEngine } from '../support/dockerd.ts'
import { beginEngineRun, type EngineRun } from '../support/engine-run.ts'
import { importImage } from '../support/image-from-files.ts'
import { podmanEngine } from '../support/podman.ts'
import type { EngineAnswer } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type Endpoint, exAppCall } from './exapp-call.ts'

const inspectSchema = z.object({
  Id: z.string(),
  Config: z.object({ Env: z.array(z.string()).nullable().transform((list) => list ?? []), Hostname: z.string(), Image: z.string() }),
  State: z.object({ Status: z.string() }),
  HostConfig: z.record(z.string(), z.unknown()),
  Mounts: z.array(z.object({ Type: z.string(), Name: z.string().optional(), Source: z.string(), Destination: z.string(), RW: z.boolean() })),
})

const ascending = (one: number, other: number): number => one - other

for (const peer of [dockerEngine, podmanEngine]) {
  describeWithPeer('the life of an ExApp', peer, ({ current, prepare, finish }) => {
    let stage: EngineStage
    let run: EngineRun
    let image: string
    let app: string
    prepare(async (engine) => {
      stage = await EngineStage.set({ localSocket: engine.socketPath })
      run = await beginEngineRun(engine)
      image = `harpoon.example/${run.id}/life:1`
      await importImage(engine, image, {
        programs: { '/bin/sh': '/bin/sh', '/bin/sleep': '/bin/sleep' },
        changes: [`CMD ["/bin/sh","-c","trap 'exit 0' TERM; while :; do sleep 600 & wait; done"]`],
      })
    })
    finish(async (engine) => {
      await stage?.[Symbol.asyncDispose]()
      await run?.close()
      await engine.docker(['image', 'rm', '--force', image])
    })
    let count = 0
    beforeEach(() => {
      count += 1
      app = run.appId(`a${count}`)
    })
    afterEach(async () => {
      await call('remove', { remove_data: true })
    })

    const call = (endpoint: Endpoint, fields: object = {}): Promise<EngineAnswer> =>
      exAppCall(stage, endpoint, { name: app, instance_id: '', ...fields })
    const create = (fields: object = {}): Promise<EngineAnswer> => call('create', { image_id: image, network_mode: 'host', restart_policy: 'no', start_container: true, ...fields })
    const inspected = async (): Promise<z.output<typeof inspectSchema>> =>
      inspectSchema.parse(JSON.parse(await current().docker(['inspect', '--type', 'container', '--format', '{{json .}}', `nc_app_${app}`])))
    const volumes = async (engine: DockerEngine): Promise<string> => engine.docker(['volume', 'ls', '--quiet', '--filter', `name=nc_app_${app}`])

    it('goes from nothing to a container that runs, stops, starts, and is gone with its data', async () => {
      expect(await call('exists')).toMatchObject({ status: 200, text: '{"exists":false}', headers: { 'content-type': 'application/json; charset=utf-8' } })
      const created = await create()
      expect([created.status, JSON.parse(created.text)]).toEqual([201, { id: (await inspected()).Id, name: `nc_app_${app}` }])
      expect((await inspected()).State.Status).toBe('created')
      expect(await call('exists')).toMatchObject({ status: 200, text: `{"exists":true,"image_ref":"${image}"}` })
      expect(await create()).toMatchObject({ status: 409, text: `Container with name 'nc_app_${app}' already exists.` })
      expect(await call('start')).toMatchObject({ status: 204, text: '' })
      const started = await call('wait_for_start')
      expect([started.status, JSON.parse(started.text)]).toEqual([200, { started: true, status: 'running', health: null }])
      expect(await call('start')).toMatchObject({ status: 200, text: 'Container already started' })
      expect(await call('stop')).toMatchObject({ status: 204, text: '' })
      expect(await call('stop')).toMatchObject({ status: 200, text: 'Container already stopped' })
      const ended = await call('wait_for_start')
      expect(JSON.parse(ended.text)).toMatchObject({ started: false, status: 'exited', health: null, reason: expect.stringMatching(/^non-recoverable state: exited \(exit code \d+\)/) })
      expect(await call('start')).toMatchObject({ status: 204 })
      expect(await call('remove')).toMatchObject({ status: 204, text: '' })
      expect(await volumes(current())).toBe(`nc_app_${app}_data\n`)
      expect(await call('remove', { remove_data: true })).toMatchObject({ status: 204 })
      expect(await volumes(current())).toBe('')
      expect(await call('remove', { remove_data: true })).toMatchObject({ status: 204 })
    })

    it('is told that a container is not there', async () => {
      expect(await call('start')).toMatchObject({ status: 404, text: `Container 'nc_app_${app}' not found.` })
      expect(await call('stop')).toMatchObject({ status: 404, text: `Container 'nc_app_${app}' not found.` })
      expect(await call('wait_for_start')).toMatchObject({ status: 200, text: '{"started":false,"status":"not_found","reason":"container not found"}' })
    })

    it('begins with what the contract names, and nothing else', async () => {
      const source = stage.socket(`mount-${count}`)
      await mkdir(source)
      const environment = ['A=b=c d', 'LINES=one\ntwo', `HP_SHARED_KEY=${sharedKey}`]
      const fields = {
        environment_variables: environment,
        restart_policy: 'unless-stopped',
        mount_points: [{ source, target: '/ro', mode: 'ro' }, { source: `${source}/`, target: '/rw' }],
        resource_limits: { memory: 64 * 1024 * 1024, nanoCPUs: 250_000_000.4 },
        // none of which it may decide
        Privileged: true,
        privileged: true,
        HostConfig: { Privileged: true, PidMode: 'host' },
        pid_mode: 'host',
        cap_add: ['SYS_ADMIN'],
        user: 'root',
      }
      expect((await create(fields)).status).toBe(201)
      const { Config, HostConfig, Mounts } = await inspected()
      expect(Config).toMatchObject({ Image: image, Env: expect.arrayContaining(['A=b=c d', 'LINES=one\ntwo']) })
      expect(Config.Env.find((variable) => variable.startsWith('HP_SHARED_KEY='))).toBe(`HP_SHARED_KEY=${exAppToken(sharedKey, app)}`)
      expect(HostConfig).toMatchObject({
        NetworkMode: 'host',
        Privileged: false,
        RestartPolicy: { Name: 'unless-stopped' },
        Memory: 64 * 1024 * 1024,
        NanoCpus: 250_000_000,
      })
      expect([HostConfig['PidMode'], HostConfig['UTSMode']]).toEqual([expect.stringMatching(/^(private)?$/), expect.stringMatching(/^(private)?$/)])
      expect(JSON.stringify(HostConfig['CapAdd'] ?? [])).not.toContain('SYS_ADMIN')
      expect(Mounts.map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW}`).toSorted()).toEqual([
        'bind /ro false',
        'bind /rw true',
        `volume /nc_app_${app}_data true`,
      ])
      expect(Mounts.find(({ Type }) => Type === 'volume')?.Name).toBe(`nc_app_${app}_data`)
    })

    it('is refused for an image that is not there and a policy that is none, with the engine’s own words', async () => {
      expect(await create({ image_id: 'harpoon.example/absent:1' })).toMatchObject({
        status: 503,
        text: expect.stringMatching(new RegExp(`^Error creating container 'nc_app_${app}': Status 404: .*no such image`, 'i')),
      })
      expect(await create({ restart_policy: 'never' })).toMatchObject({ status: 503, text: expect.stringMatching(/Status (400|500): .*never/) })
    })

    it('is on no network at all when that is asked for', async () => {
      expect((await create({ network_mode: 'none' })).status).toBe(201)
      expect((await inspected()).HostConfig['NetworkMode']).toBe('none')
    })

    it('keeps roles apart and their volume together', async () => {
      const roles = ['RP_1', 'RP_2']
      for (const role_suffix of roles) expect(await create({ role_suffix })).toMatchObject({ status: 201, text: expect.stringContaining(`"name":"nc_app_${app}_${role_suffix}"`) })
      expect(await volumes(current())).toBe(`nc_app_${app}_data\n`)
      expect(await call('remove', { role_suffix: 'RP_1', remove_data: true })).toMatchObject({ status: 409, text: `Volume 'nc_app_${app}_data' is in use and could not be removed.` })
      expect(await call('remove', { role_suffix: 'RP_2', remove_data: true })).toMatchObject({ status: 204 })
    })

    it('takes calls that come at once one after the other', async () => {
      const answers = await Promise.all([create(), create(), create()])
      expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, 409, 409])
      const starts = await Promise.all([call('start'), call('start')])
      expect(starts.map(({ status }) => status).toSorted(ascending)).toEqual([200, 204])
      expect((await Promise.all([call('remove'), call('remove')])).map(({ status }) => status)).toEqual([204, 204])
    })

    it('removes an image that is not used any more, and says so when it is', async () => {
      const other = `harpoon.example/${run.id}/gone:${count}`
      await importImage(current(), other, { programs: {}, texts: { '/made': app }, changes: ['CMD ["/none"]'] })
      const remove = (): Promise<EngineAnswer> => exAppCall(stage, 'image_remove', { image_ref: other })
      await create({ image_id: other })
      expect(await remove()).toMatchObject({ status: 200, text: '{"deleted":false,"reason":"in_use"}' })
      await call('remove')
      const removed = await remove()
      expect([removed.status, JSON.parse(removed.text)]).toEqual([200, { deleted: true, bytes_freed: expect.any(Number) }])
      expect(JSON.parse(removed.text)).not.toMatchObject({ bytes_freed: 0 })
      expect(await remove()).toMatchObject({ status: 200, text: '{"deleted":true,"bytes_freed":0,"reason":"not_found"}' })
    })

    it('tells the exit code and the last lines of a container that dies at once, without its secrets', async () => {
      const secret = 'Ab3+/x'.repeat(20)
      const dying = `harpoon.example/${run.id}/dying:${count}`
      await importImage(current(), dying, {
        programs: { '/bin/sh': '/bin/sh' },
        changes: [`CMD ["/bin/sh","-c","echo first; echo key $HP_SHARED_KEY and $APP_SECRET >&2; echo the model is missing; exit 3"]`],
      })
      try {
        await create({ image_id: dying, environment_variables: [`HP_SHARED_KEY=${sharedKey}`, `APP_SECRET=${secret}`] })
        await call('start')
        const { status, reason } = z.object({ status: z.string(), reason: z.string() }).parse(JSON.parse((await call('wait_for_start')).text))
        expect(status).toBe('exited')
        expect(reason).toMatch(/^non-recoverable state: exited \(exit code 3\): .*the model is missing/)
        expect(reason).toContain('first')
        expect(reason).not.toContain(secret)
        expect(reason).not.toContain(exAppToken(sharedKey, app))
        expect(reason).toContain('[redacted]')
      } finally {
        await call('remove', { remove_data: true })
        await current().docker(['image', 'rm', '--force', dying])
      }
    })
  })
}
