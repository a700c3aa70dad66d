import { X509Certificate } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureInChildProcess, handshake, openScratch, openssl } from '../../test/support/frp-certificates.ts'
import type { Scratch } from '../../test/support/frp-certificates.ts'

// Certificates know whole seconds only.
const now = Math.floor(Date.now() / 1000) * 1000
const dayMs = 24 * 60 * 60_000
const sixFiles = ['ca.crt', 'ca.key', 'client.crt', 'client.key', 'server.crt', 'server.key']

let scratch: Scratch
let fresh: string
beforeAll(async () => {
  scratch = await openScratch()
  fresh = scratch.newDirectory()
  await scratch.ensure(fresh, now)
})
afterAll(() => scratch.remove())

let directory: string
beforeEach(() => {
  directory = scratch.newDirectory()
})

it('makes HaRP’s six files, keys for their owner only', async () => {
  const certificates = await scratch.ensure(directory, now)
  expect((await readdir(directory)).sort()).toEqual(sixFiles)
  for (const name of sixFiles) {
    const { mode } = await stat(join(directory, name))
    expect([name, (mode & 0o777).toString(8)]).toEqual([name, name.endsWith('.key') ? '600' : '644'])
  }
  expect(certificates.made).toBe(true)
  expect(scratch.lines).toEqual([
    {
      level: 'info',
      fields: { directory, files: ['ca.key', 'ca.crt', 'server.key', 'server.crt', 'client.key', 'client.crt'] },
      message: 'made FRP certificates',
    },
  ])
})

it('gives all three the validity that was asked for', async () => {
  const certificates = await scratch.ensure(directory, now, 30)
  const end = new Date(now + 30 * dayMs)
  expect(certificates.notAfter).toEqual({ ca: end, server: end, client: end })
  const end9999 = await scratch.ensure(join(directory, 'long'), now, 99_999_999)
  expect(end9999.notAfter.ca.toISOString()).toBe('9999-12-31T23:59:59.000Z')
})

it('makes certificates that OpenSSL accepts for their roles, and only for those', async () => {
  const verify = async (purpose: string, file: string): Promise<string> =>
    openssl('verify', '-x509_strict', '-CAfile', join(fresh, 'ca.crt'), '-purpose', purpose, join(fresh, file))
  expect(await verify('sslserver', 'server.crt')).toBe(`${join(fresh, 'server.crt')}: OK\n`)
  expect(await verify('sslclient', 'client.crt')).toBe(`${join(fresh, 'client.crt')}: OK\n`)
  await expect(verify('sslclient', 'server.crt')).rejects.toThrow('unsuitable certificate purpose')
  await expect(verify('sslserver', 'client.crt')).rejects.toThrow('unsuitable certificate purpose')
})

it('names them as HaRP does', async () => {
  const { ca, serverCert, clientCert } = await scratch.ensure(fresh, now)
  const [authority, server, client] = [ca, serverCert, clientCert].map((pem) => new X509Certificate(pem))
  expect([authority?.subject, authority?.issuer, authority?.ca]).toEqual(['CN=harp.nc', 'CN=harp.nc', true])
  expect([server?.subject, server?.subjectAltName, server?.ca]).toEqual(['CN=harp.nc', 'DNS:harp.nc', false])
  expect([client?.subject, client?.subjectAltName, client?.ca]).toEqual(['CN=harp.client.nc', 'DNS:harp.client.nc', false])
  expect(server?.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
  expect(await openssl('x509', '-in', join(fresh, 'server.crt'), '-noout', '-text')).toContain('sha256WithRSAEncryption')
})

it('makes certificates that two Node peers shake hands with, and no strangers', async () => {
  const ours = await scratch.ensure(fresh, now)
  const foreign = await scratch.ensure(directory, now)
  expect(await handshake(ours, ours)).toBe('harp.client.nc')
  expect(await handshake(ours, foreign)).toBe('ECONNRESET')
})

it('lets replicas that start at once on one volume agree on one CA', async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => ensureInChildProcess(directory)))
  expect(replicas).toEqual(['ok', 'ok', 'ok'])
  expect((await readdir(directory)).sort()).toEqual(sixFiles)
  const certificates = await scratch.ensure(directory, Date.now())
  expect([certificates.made, scratch.lines]).toEqual([false, []])
  expect(await handshake(certificates, certificates)).toBe('harp.client.nc')
})
