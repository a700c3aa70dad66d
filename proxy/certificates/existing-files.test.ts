import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { contentsOf, handshake, makeLikeHarp, openScratch, openssl } from '../../test/support/frp-certificates.ts'
import type { Scratch } from '../../test/support/frp-certificates.ts'
import { UnusableCertificateFiles } from './errors.ts'

// Whole seconds, as in certificates, and ahead of the moment in which OpenSSL makes some.
const now = Math.floor(Date.now() / 1000) * 1000 + 60_000
const dayMs = 24 * 60 * 60_000

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

it('uses HaRP’s own and changes nothing', async () => {
  const before = await contentsOf(harp)
  const certificates = await scratch.ensure(harp, now)
  expect(Object.keys(before)).toContain('ca.srl')
  expect(certificates.made).toBe(false)
  expect(certificates.serverKey).toContain('BEGIN RSA PRIVATE KEY')
  expect(certificates.serverCert).toBe(before['server.crt'])
  expect(await contentsOf(harp)).toEqual(before)
  expect(scratch.lines).toEqual([])
  expect(await handshake(certificates, certificates)).toBe('harp.client.nc')
})

it('needs no CA key', async () => {
  await cp(fresh, directory, { recursive: true })
  await rm(join(directory, 'ca.key'))
  expect((await scratch.ensure(directory, now)).made).toBe(false)
})

it('trusts a bundle of CAs, of which the old one may have expired', async () => {
  await cp(fresh, directory, { recursive: true })
  const old = await scratch.ensure(join(directory, 'old'), now - 100 * dayMs, 1)
  await writeFile(join(directory, 'ca.crt'), old.ca + (await readFile(join(fresh, 'ca.crt'), 'utf8')))
      const certificates = await scratch.ensure(directory, now)
  expect(scratch.lines).toEqual([])
  expect(certificates.notAfter.ca).toEqual(new Date(now + 5000 * dayMs))
})

it('goes on with expired ones, and says which they are', async () => {
  await scratch.ensure(directory, now, 1)
      await scratch.ensure(directory, now + 2 * dayMs)
  const reason = `has expired on ${new Date(now + dayMs).toISOString()}`
  const message = 'FRP clients will not accept this certificate'
  expect(scratch.lines).toEqual(
    ['server.crt', 'client.crt', 'ca.crt'].map((name) => ({
      level: 'error',
      fields: { file: join(directory, name), reason },
      message,
    })),
  )
})

it('goes on with ones of tomorrow, and says so', async () => {
  await scratch.ensure(directory, now + dayMs)
      await scratch.ensure(directory, now)
  const reasons = scratch.lines.map(({ fields }) => fields)
  expect(reasons).toHaveLength(3)
  expect(reasons[0]).toMatchObject({ reason: `is not valid before ${new Date(now + dayMs - 60 * 60_000).toISOString()}` })
})

it('goes on with a foreign server certificate, and says what clients will not like', async () => {
  await cp(fresh, directory, { recursive: true })
  const [key, certificate] = [join(directory, 'server.key'), join(directory, 'server.crt')]
  const names = ['-subj', '/CN=harp.nc', '-addext', 'subjectAltName=DNS:frp.example.org']
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...names, '-keyout', key, '-out', certificate)
  await scratch.ensure(directory, now)
  expect(scratch.lines.map(({ fields }) => fields)).toEqual([
    { file: certificate, reason: 'is not signed by ca.crt' },
    { file: certificate, reason: 'is not for the name harp.nc that clients ask for' },
  ])
})

it.each([
  ['server.key', 'no key at all', 'is not a PEM private key without pass phrase'],
  ['server.key', '', 'is empty'],
  ['client.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'is not a PEM private key without pass phrase'],
  ['server.crt', 'no certificate', 'is not a PEM certificate'],
  ['ca.crt', '', 'is empty'],
  ['client.crt', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'is not a PEM certificate'],
])('refuses %s holding %j', async (name, text, reason) => {
  await cp(fresh, directory, { recursive: true })
  await writeFile(join(directory, name), text)
  const expected = new UnusableCertificateFiles([{ file: join(directory, name), reason }])
  await expect(scratch.ensure(directory, now)).rejects.toThrow(expected)
  expect(await readFile(join(directory, name), 'utf8')).toBe(text)
})

it('refuses keys of other certificates, naming all of them at once', async () => {
  await cp(fresh, directory, { recursive: true })
  await copyFile(join(fresh, 'client.key'), join(directory, 'server.key'))
  await copyFile(join(fresh, 'server.key'), join(directory, 'client.key'))
  await expect(scratch.ensure(directory, now)).rejects.toThrow(
    new UnusableCertificateFiles([
      { file: join(directory, 'server.key'), reason: 'is not the key of server.crt' },
      { file: join(directory, 'client.key'), reason: 'is not the key of client.crt' },
    ]),
  )
})

it('refuses a directory in the place of a file', async () => {
  await cp(fresh, directory, { recursive: true })
  await rm(join(directory, 'server.crt'))
  await mkdir(join(directory, 'server.crt'))
  await expect(scratch.ensure(directory, now)).rejects.toThrow(/server\.crt: cannot be read \(EISDIR\) by user \d+/)
})
