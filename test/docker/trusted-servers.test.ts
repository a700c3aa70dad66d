import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/describe-with-peer.ts'
import { openssl } from '../support/frp-certificates.ts'
import { AUTHORITIES_IN_IMAGE } from '../support/image-from-files.ts'
import { engineForLife, type LifeStage, setLifeStage } from './life-stage.ts'

const TIMEOUT_MS = 120_000

/** Nextcloud's bundle with private authorities can have several MiB. */
const LARGE_BUNDLE_BYTES = 3 * 1024 * 1024

describeWithPeer('servers whose authority only Nextcloud knows', engineForLife, ({ current, prepare, finish }) => {
  let folder: string
  let server: Server
  let authority: string
  let url: string
  prepare(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'harpoon-authority-'))
    const file = (name: string): string => path.join(folder, name)
    await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('ca.key'), '-out', file('ca.crt'), '-subj', '/CN=A private authority', '-days', '2')
    const request = ['-newkey', 'rsa:2048', '-nodes', '-keyout', file('server.key'), '-out', file('server.crt'), '-subj', '/CN=127.0.0.1', '-days', '2']
    await openssl('req', '-x509', ...request, '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE')
    authority = await readFile(file('ca.crt'), 'utf8')
    server = createServer({ key: await readFile(file('server.key')), cert: await readFile(file('server.crt')) }, (_request, response) => response.end('hello'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  finish(async () => {
    server.close()
    server.closeAllConnections()
    await rm(folder, { recursive: true })
  })

  /** What the ExApp says when it is asked whether it trusts the server. */
  async function answerOf(life: LifeStage, appId: string): Promise<string> {
    const { appApi } = life
    return (await appApi.exapp.request(appApi.row(appId), { method: 'GET', route: `/trusts?url=${encodeURIComponent(url)}` })).text
  }

  it.each(['debian-like', 'alpine-like', 'fedora-like', 'non-root', 'no-shell'] as const)('are trusted by an ExApp of an image %s', async (kind) => {
    await using life = await setLifeStage(current(), { certificates: `${await bundleOfThisMachine()}${authority}` })
    const manifest = await life.manifest(kind, `trusts-${kind}`, { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    expect(life.appApi.notes).toEqual([])
    expect(await answerOf(life, manifest.appId)).toBe('yes')
    await life.appApi.unregister(manifest.appId, { removeData: true })
  }, TIMEOUT_MS)

  it('are not trusted when Nextcloud does not push its authorities: an ExApp does not just believe anybody', async () => {
    await using life = await setLifeStage(current(), { certificates: null })
    const manifest = await life.manifest('alpine-like', 'trusts-nobody', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    expect(await answerOf(life, manifest.appId)).toMatch(/certificate/)
    await life.appApi.unregister(manifest.appId, { removeData: true })
  }, TIMEOUT_MS)

  it('are trusted although the bundle has several MiB, for which AppAPI asks first', async () => {
    const filler = `# ${'x'.repeat(76)}\n`.repeat(Math.ceil(LARGE_BUNDLE_BYTES / 79))
    await using life = await setLifeStage(current(), { certificates: `${filler}${authority}` })
    const manifest = await life.manifest('alpine-like', 'trusts-many', { environment: { INIT_STEP: 'none' } })
    await life.appApi.register(manifest)
    expect(life.appApi.notes).toEqual([])
    expect(await answerOf(life, manifest.appId)).toBe('yes')
    await life.appApi.unregister(manifest.appId, { removeData: true })
  }, TIMEOUT_MS)
})

/** As Nextcloud's own; empty where this machine keeps none in that file. */
function bundleOfThisMachine(): Promise<string> {
  return readFile(AUTHORITIES_IN_IMAGE, 'utf8').catch(() => '')
}
