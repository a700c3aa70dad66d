import { X509Certificate, createPrivateKey } from 'node:crypto'
import { copyFile, cp, mkdir, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { contentsOf, handshake, makeLikeHarp, openScratch, openssl } from '../../test/support/frp-certificates.ts'
import type { Scratch } from '../../test/support/frp-certificates.ts'
import { MissingCertificateFiles, UnusableCertificateFiles } from './errors.ts'

// Whole seconds, as in certificates, and ahead of the moment in which OpenSSL makes some.
const now = Math.floor(Date.now() / 1000) * 1000 + 60_000
const sixFiles = ['ca.crt', 'ca.key', 'client.crt', 'client.key', 'server.crt', 'server.key']

let scratch: Scratch
let fresh: string
let harp: string
beforeAll(async () => {
  scratch = await openScratch()
  fresh = scratch.newDirectory()
  await scratch.ensure(fresh, now)
  harp = scratch.newDirectory()
  await makeLikeHarp(harp)
})
afterAll(() => scratch.remove())

let directory: string
beforeEach(() => {
  directory = scratch.newDirectory()
})

// Each start of this list was interrupted one file later.
it.each([0, 1, 2, 3, 4, 5])('Q24: completes a start that was interrupted after %i files', async (count) => {
  await mkdir(directory)
  const order = ['ca.key', 'ca.crt', 'server.key', 'server.crt', 'client.key', 'client.crt']
  for (const name of order.slice(0, count)) await copyFile(join(fresh, name), join(directory, name))
  const before = await contentsOf(directory)
  const certificates = await scratch.ensure(directory, now)
  expect(certificates.made).toBe(true)
  expect(await contentsOf(directory)).toMatchObject(before)
  expect((await readdir(directory)).sort()).toEqual(sixFiles)
  expect(scratch.lines.map(({ level }) => level)).toEqual(['info'])
})

it.each(['server', 'client'])('makes a new %s pair with HaRP’s CA, which HaRP’s clients accept', async (name) => {
  await cp(harp, directory, { recursive: true })
  await rm(join(directory, `${name}.crt`))
  await rm(join(directory, `${name}.key`))
  const certificates = await scratch.ensure(directory, now)
  expect(scratch.lines.map(({ fields }) => fields)).toEqual([{ directory, files: [`${name}.key`, `${name}.crt`] }])
  expect(await openssl('verify', '-CAfile', join(harp, 'ca.crt'), join(directory, `${name}.crt`))).toContain('OK')
  expect(await handshake(certificates, certificates)).toBe('harp.client.nc')
  const ca = await openssl('x509', '-in', join(harp, 'ca.crt'), '-noout', '-enddate')
  const issued = await openssl('x509', '-in', join(directory, `${name}.crt`), '-noout', '-enddate')
  expect(issued).toBe(ca) // not longer than its CA
})

it('certifies a key that has no certificate yet', async () => {
  await cp(harp, directory, { recursive: true })
  await rm(join(directory, 'server.crt'))
  const { serverCert, serverKey } = await scratch.ensure(directory, now)
  expect(serverKey).toBe(await readFile(join(harp, 'server.key'), 'utf8'))
  expect(new X509Certificate(serverCert).checkPrivateKey(createPrivateKey(serverKey))).toBe(true)
})

it('makes a CA certificate again that still fits what it signed', async () => {
  await cp(harp, directory, { recursive: true })
  await rm(join(directory, 'ca.crt'))
  const certificates = await scratch.ensure(directory, now)
  expect(scratch.lines.filter(({ level }) => level === 'error')).toEqual([])
  expect(await handshake(certificates, certificates)).toBe('harp.client.nc')
})

it('makes nothing without the CA key, and says which files are missing', async () => {
  await cp(fresh, directory, { recursive: true })
  await Promise.all(['ca.key', 'server.key', 'server.crt'].map((name) => rm(join(directory, name))))
  const before = await contentsOf(directory)
  const failure = scratch.ensure(directory, now)
  await expect(failure).rejects.toThrow(MissingCertificateFiles)
  await expect(failure).rejects.toThrow(
    `${directory} lacks server.key, server.crt, ca.key: without ca.key nothing can be signed that fits ca.crt, client.crt`,
  )
  expect(await contentsOf(directory)).toEqual(before)
})

it('does not replace a certificate whose key is gone', async () => {
  await cp(fresh, directory, { recursive: true })
  await rm(join(directory, 'server.key'))
  await expect(scratch.ensure(directory, now)).rejects.toThrow(
    `${directory} lacks server.key: put it back, or remove server.crt to have a new pair made`,
  )
})

it.each([
  ['not the one of ca.crt', async () => readFile(join(fresh, 'server.key'), 'utf8'), 'is not the key of ca.crt'],
  ['not a key', async () => 'x', 'is not a PEM RSA private key without pass phrase'],
  ['empty', async () => '', 'is not a PEM RSA private key without pass phrase'],
])('makes nothing with a CA key that is %s', async (_, caKey, reason) => {
  await cp(fresh, directory, { recursive: true })
  await rm(join(directory, 'client.crt'))
  await writeFile(join(directory, 'ca.key'), await caKey())
  const before = await contentsOf(directory)
  const expected = new UnusableCertificateFiles([{ file: join(directory, 'ca.key'), reason }])
  await expect(scratch.ensure(directory, now)).rejects.toThrow(expected)
  expect(await contentsOf(directory)).toEqual(before)
})

it('clears away what a killed start left, but nothing of a running one', async () => {
  await mkdir(directory)
  const [abandoned, running] = [join(directory, '.harpoon-ca.key.1'), join(directory, '.harpoon-ca.key.2')]
  await writeFile(abandoned, 'half')
  await utimes(abandoned, new Date(), new Date(now - 60 * 60_000))
  await writeFile(running, 'half')
  await scratch.ensure(directory, now)
  expect((await readdir(directory)).sort()).toEqual(['.harpoon-ca.key.2', ...sixFiles])
})
