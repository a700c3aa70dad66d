import { X509Certificate } from 'node:crypto'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { handshake, openScratch, type Scratch } from '../../test/support/frp-certificates.ts'
import { ClientCertificates } from './client-certificates.ts'
import { renewalReason } from './client-renewal.ts'
import type { FrpCertificates } from './frp-certificates.ts'
import type { ClientFiles } from './read.ts'

const dayMs = 24 * 60 * 60_000
const now = Math.floor(Date.now() / 1000) * 1000
const clientOf = ({ ca, clientCert: cert, clientKey: key }: FrpCertificates): ClientFiles => ({ ca, cert, key })

let scratch: Scratch
beforeAll(async () => {
  scratch = await openScratch()
})
afterAll(() => scratch.remove())

let directory: string
let made: FrpCertificates
let clock: number
beforeEach(async () => {
  directory = scratch.newDirectory()
  clock = now
})

/** What ExApps would get, from files that were made for so many days. */
async function certificatesOf(days: number): Promise<ClientCertificates> {
  made = await scratch.ensure(directory, now, days)
  return certificates(() => clientOf(made), days)
}

const certificates = (files: () => ClientFiles | undefined, validityDays: number): ClientCertificates =>
  new ClientCertificates({ files, directory, validityDays, now: () => clock, log: { info: () => {} } })

const endOf = (files: ClientFiles | undefined): Date | undefined => (files ? new X509Certificate(files.cert).validToDate : undefined)

it('are the files while these last', async () => {
  const ours = await certificatesOf(5000)
  clock = now + 4969 * dayMs
  expect(await ours.current()).toEqual(clientOf(made))
})

it('are none while tunnels have no TLS', async () => {
  expect(await certificates(() => undefined, 30).current()).toBeUndefined()
})

it('are fresh ones near the end of the files, which a server with that CA accepts; the files stay', async () => {
  const past = now - 25 * dayMs
  await scratch.ensure(directory, past, 5000)
  await Promise.all(['client.crt', 'client.key'].map((name) => rm(join(directory, name))))
  made = await scratch.ensure(directory, past, 30) // the CA lives on
  const before = await readFile(join(directory, 'client.crt'), 'utf8')
  const ours = certificates(() => clientOf(made), 30)
  const [one, other] = await Promise.all([ours.current(), ours.current()])
  expect(one).toEqual(other)
  expect(one?.cert).not.toBe(made.clientCert)
  expect(endOf(one)).toEqual(new Date(clock + 30 * dayMs))
  expect(await ours.current()).toEqual(one)
  expect(one && (await handshake(made, { ...made, clientCert: one.cert, clientKey: one.key }))).toBe('harp.client.nc')
  expect(await readFile(join(directory, 'client.crt'), 'utf8')).toBe(before)
  expect(one && renewalReason(clientOf(made), one, clock)).toBe('it ends soon')
  expect(one && renewalReason(one, one, clock)).toBeUndefined()
})

it('are the files, late as it is, where the CA’s key is kept elsewhere', async () => {
  const ours = await certificatesOf(30)
  await rm(join(directory, 'ca.key'))
  clock = now + 29 * dayMs
  expect(await ours.current()).toEqual(clientOf(made))
})

it('do not outlive a CA that ends itself, and do not pretend to', async () => {
  const ours = await certificatesOf(30)
  clock = now + 29 * dayMs
  const current = await ours.current()
  expect(endOf(current)).toEqual(new Date(now + 30 * dayMs))
  expect(current && renewalReason(clientOf(made), current, clock)).toBeUndefined()
})

it('are signed by the CA that replaces another, as soon as its key is there', async () => {
  const old = await scratch.ensure(directory, now, 5000)
  const next = scratch.newDirectory()
  const replacement = await scratch.ensure(next, now, 5000)
  await copyFile(join(next, 'ca.key'), join(directory, 'ca.key'))
  const bundle = old.ca + replacement.ca
  await writeFile(join(directory, 'ca.crt'), bundle)
  const ours = certificates(() => ({ ...clientOf(old), ca: bundle }), 5000)
  const current = await ours.current()
  expect(current?.ca).toBe(bundle)
  expect(current && new X509Certificate(current.cert).verify(new X509Certificate(replacement.ca).publicKey)).toBe(true)
  expect(current && renewalReason(clientOf(old), current, now)).toBe('its CA is being replaced')
})

it('are issued anew when the files have changed', async () => {
  let files: ClientFiles | undefined
  const ours = certificates(() => files, 5000)
  await scratch.ensure(directory, now, 5000)
  await Promise.all(['client.crt', 'client.key'].map((name) => rm(join(directory, name))))
  files = clientOf(await scratch.ensure(directory, now, 1))
  clock = now + 0.9 * dayMs
  const issued = await ours.current()
  expect(issued?.cert).not.toBe(files.cert)
  const other = scratch.newDirectory()
  files = clientOf(await scratch.ensure(other, now, 5000))
  await copyFile(join(other, 'ca.key'), join(directory, 'ca.key'))
  expect(await ours.current()).toEqual(files)
})
