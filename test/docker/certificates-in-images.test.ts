import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { dockerEngine } from '../support/dockerd.ts'
import { beginEngineRun, type EngineRun } from '../support/engine-run.ts'
import { AUTHORITIES_IN_IMAGE, type ImageContent, importImage } from '../support/image-from-files.ts'
import { podmanEngine } from '../support/podman.ts'
import type { EngineAnswer } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type Endpoint, exAppCall } from './exapp-call.ts'

const certificate = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`

/** As Nextcloud sends it: comments between, and any number. */
const bundle = `# Nextcloud\n${certificate('Zmlyc3Q=')}\n# private\n${certificate('c2Vjb25k')}`

const osRelease = 'ID=debian\n'

/** Takes over what is in Debian's folder, tells who ran it, and needs the program id as proof that a PATH is there. */
const trustCommand = '#!/bin/sh\nset -e\nid -u > /ran-as\ncat /usr/local/share/ca-certificates/*.crt >> /etc/ssl/certs/ca-certificates.crt\n'

const shell = { '/bin/sh': '/bin/sh', '/bin/sleep': '/bin/sleep', '/usr/bin/id': '/usr/bin/id', '/bin/cat': '/bin/cat' }
const waiting = `CMD ["/bin/sh","-c","trap 'exit 0' TERM; while :; do sleep 600 & wait; done"]`

for (const peer of [dockerEngine, podmanEngine]) {
  describeWithPeer('certificates for an ExApp', peer, ({ current, prepare, finish }) => {
    let stage: EngineStage
    let run: EngineRun
    let app: string
    let count = 0
    const images: string[] = []
    prepare(async (engine) => {
      stage = await EngineStage.set({ localSocket: engine.socketPath, tls: true })
      run = await beginEngineRun(engine)
    })
    finish(async (engine) => {
      await stage?.[Symbol.asyncDispose]()
      await run?.close()
      if (images.length > 0) await engine.docker(['image', 'rm', '--force', ...images])
    })
    beforeEach(() => {
      count += 1
      app = run.appId(`c${count}`)
    })
    afterEach(async () => {
      await call('remove', { remove_data: true })
    })

    const call = (endpoint: Endpoint, fields: object = {}): Promise<EngineAnswer> => exAppCall(stage, endpoint, { name: app, instance_id: '', ...fields })
    const install = (fields: object = {}): Promise<EngineAnswer> => call('install_certificates', { system_certs_bundle: bundle, install_frp_certs: true, ...fields })
    /** A file of the container, in an archive. */
    const fileOf = (name: string): Promise<string> => current().docker(['cp', '--follow-link', `nc_app_${app}:${name}`, '-'])
    const contains = async (name: string, text: string): Promise<boolean> => (await fileOf(name)).includes(text)
    const stateOf = async (): Promise<string> => (await current().docker(['inspect', '--format', '{{.State.Status}}', `nc_app_${app}`])).trim()
    const ours = (name: string): Promise<string> => readFile(path.join(stage.plane.certificates, 'frp', name), 'utf8')

    /** A file of this machine with that text, which may be run. */
    async function file(name: string, text: string): Promise<string> {
      const made = stage.socket(name)
      await writeFile(made, text, { mode: 0o755 })
      return made
    }
    const authorities = async (text: string): Promise<Record<string, string>> => ({ [AUTHORITIES_IN_IMAGE]: await file('authorities', text) })
    const debianCommand = async (text: string): Promise<Record<string, string>> => ({ '/usr/sbin/update-ca-certificates': await file('update-ca-certificates', text) })

    async function created(content: ImageContent): Promise<void> {
      const image = `harpoon.example/${run.id}/certificates:${count}`
      images.push(image)
      await importImage(current(), image, content)
      expect(await call('create', { image_id: image, network_mode: 'none', restart_policy: 'no' })).toMatchObject({ status: 201 })
    }

    it('Q25: reach an image without shell, user or distribution, which is never started for them', async () => {
      await created({ programs: { '/bin/sleep': '/bin/sleep' }, files: await authorities(certificate('b3du')), changes: ['CMD ["/bin/sleep","600"]', 'USER 1000'] })
      expect(await install()).toMatchObject({ status: 204, text: '' })
      expect(await stateOf()).toBe('created')
      for (const name of ['ca.crt', 'client.crt', 'client.key']) {
        const file = await fileOf(`/certs/frp/${name}`)
        expect(file).toContain(await ours(name))
        expect(file.slice(100, 108)).toMatch(/^0*(100)?644\0/) // for every user to read; Podman gives them to the image's own
      }
      for (const text of ['b3du', 'Zmlyc3Q=', 'c2Vjb25k']) expect(await contains(AUTHORITIES_IN_IMAGE, certificate(text))).toBe(true)
      expect(await install()).toMatchObject({ status: 204 })
      expect((await fileOf(AUTHORITIES_IN_IMAGE)).split('Zmlyc3Q=')).toHaveLength(2) // once
      expect(await call('start')).toMatchObject({ status: 204 })
      expect(JSON.parse((await call('wait_for_start')).text)).toMatchObject({ started: true })
    })

    it('are taken over by the distribution’s command, as root although the image has a user, and the container does not run after that', async () => {
      await created({
        programs: shell,
        texts: { '/usr/lib/os-release': osRelease },
        files: { ...(await debianCommand(trustCommand)), ...(await authorities(certificate('b3du'))) },
        links: { '/etc/os-release': '../usr/lib/os-release' },
        changes: [waiting, 'USER 1000', 'ENV PATH=/usr/bin:/bin'],
      })
      expect(await install()).toMatchObject({ status: 204 })
      expect(await contains('/usr/local/share/ca-certificates/custom_ca_cert_0.crt', certificate('Zmlyc3Q='))).toBe(true)
      expect(await contains('/usr/local/share/ca-certificates/custom_ca_cert_1.crt', certificate('c2Vjb25k'))).toBe(true)
      expect(await contains('/ran-as', '0\n')).toBe(true)
      expect(await contains(AUTHORITIES_IN_IMAGE, certificate('c2Vjb25k'))).toBe(true)
      expect(await stateOf()).toBe('exited')
      expect(await call('start')).toMatchObject({ status: 204 }) // not "already started", which would end the deployment
    })

    it('do not stop a container that runs', async () => {
      await created({
        programs: shell,
        texts: { '/etc/os-release': osRelease },
        files: await debianCommand(trustCommand),
        changes: [waiting, 'ENV PATH=/usr/bin:/bin'],
      })
      await call('start')
      expect(await install()).toMatchObject({ status: 204 })
      expect(await contains('/ran-as', '0\n')).toBe(true)
      expect(await stateOf()).toBe('running')
      expect(await call('start')).toMatchObject({ status: 200, text: 'Container already started' })
    })

    it('go where links of the image lead, and leave the links and folders as they are', async () => {
      await created({
        programs: { '/bin/sleep': '/bin/sleep' },
        texts: { '/data/kept': 'kept', '/etc/pki/x': '', '/usr/lib/os-release': 'ID=fedora\n', '/etc/pki/real.crt': certificate('b3du') },
        links: { '/certs': '/data', '/etc/pki/tls/certs/ca-bundle.crt': '../../real.crt' },
        changes: ['CMD ["/bin/sleep","600"]'],
      })
      expect(await install()).toMatchObject({ status: 204 })
      expect(await contains('/data/frp/client.crt', await ours('client.crt'))).toBe(true)
      expect(await contains('/data/kept', 'kept')).toBe(true)
      expect(await contains('/etc/pki/ca-trust/source/anchors/custom_ca_cert_1.crt', certificate('c2Vjb25k'))).toBe(true)
      expect(await contains('/etc/pki/real.crt', certificate('c2Vjb25k'))).toBe(true)
    })

    it('leave out what was not asked for', async () => {
      await created({ programs: { '/bin/sleep': '/bin/sleep' }, texts: { '/etc/os-release': osRelease }, changes: ['CMD ["/bin/sleep","600"]'] })
      expect(await install({ system_certs_bundle: null, install_frp_certs: false })).toMatchObject({ status: 204 })
      expect(await install({ system_certs_bundle: '', install_frp_certs: false })).toMatchObject({ status: 204 })
      await expect(fileOf('/certs')).rejects.toThrow(/find|no such/i)
      await expect(fileOf('/usr/local/share')).rejects.toThrow(/find|no such/i)
    })

    it('are skipped with a warning for a distribution that we do not know', async () => {
      await created({ programs: shell, texts: { '/etc/os-release': 'ID=arch\n' }, files: await authorities(certificate('b3du')), changes: [waiting] })
      expect(await install()).toMatchObject({ status: 204 })
      expect(await contains('/certs/frp/ca.crt', await ours('ca.crt'))).toBe(true)
      expect(await contains(AUTHORITIES_IN_IMAGE, 'Zmlyc3Q=')).toBe(false)
      expect(stage.plane.log.filter(({ container, level }) => container === `nc_app_${app}` && level === 'warn').map(({ msg }) => msg)).toEqual([
        'the image is of a distribution whose trusted certificates cannot be changed: it will not trust those of Nextcloud',
      ])
    })

    it('are there although the distribution’s command fails, or the container ends before it', async () => {
      const problems = (): unknown[] => stage.plane.log.filter(({ container, problem }) => container === `nc_app_${app}` && problem !== undefined).map(({ level, problem }) => `${level}: ${String(problem)}`)
      for (const command of [waiting, 'CMD ["/bin/sh","-c","exit 1"]']) {
        await created({
          programs: shell,
          texts: { '/etc/os-release': osRelease },
          files: await debianCommand('#!/bin/sh\nexit 7\n'),
          changes: [command],
        })
        expect(await install()).toMatchObject({ status: 204 })
        expect(await contains('/usr/local/share/ca-certificates/custom_ca_cert_0.crt', certificate('Zmlyc3Q='))).toBe(true)
        expect(await stateOf()).toBe('exited')
        await call('remove')
      }
      expect(problems()).toEqual(['warn: exit code 7', expect.stringMatching(/^warn: (not run: status (409|500)|exit code)/)])
    })

    it('are good ones', async () => {
      const client = new X509Certificate(await ours('client.crt'))
      expect(client.verify(new X509Certificate(await ours('ca.crt')).publicKey)).toBe(true)
    })
  })
}
