import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { UnusableCertificateFiles } from './errors.ts'
import { readHttpsCertificate } from './https.ts'

const run = promisify(execFile)

let folder: string
let file: string
let key: string
let ecKey: string
let leaf: string
let intermediate: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'https-'))
  file = join(folder, 'cert.pem')
  const path = (name: string): string => join(folder, name)
  const subject = (name: string): string[] => ['-nodes', '-subj', `/CN=${name}`, '-days', '10']
  await run('openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', ...subject('intermediate'), '-keyout', path('i.key'), '-out', path('i.crt'),
  ])
  await run('openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', ...subject('cloud.example.org'),
    '-CA', path('i.crt'), '-CAkey', path('i.key'), '-keyout', path('l.key'), '-out', path('l.crt'),
  ])
  await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-out', path('ec.key')])
  key = await readFile(path('l.key'), 'utf8')
  ecKey = await readFile(path('ec.key'), 'utf8')
  leaf = await readFile(path('l.crt'), 'utf8')
  intermediate = await readFile(path('i.crt'), 'utf8')
})
afterAll(() => rm(folder, { recursive: true }))

function ecParameters(): string {
  return ecKey.split('-----BEGIN EC PRIVATE', 1)[0] ?? ''
}

function broken(label: string): string {
  return `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`
}

it('is undefined when there is no file', async () => {
  expect(await readHttpsCertificate(join(folder, 'nothing.pem'))).toBeUndefined()
})

it.each([
  ['chain and key', () => leaf + intermediate + key],
  ['key first', () => key + leaf + intermediate],
  ['intermediate first, key in the middle', () => intermediate + key + leaf],
  ['parameters and comments between, as HAProxy allows', () => `# ours\n${ecParameters()}${leaf}${key}${intermediate}`],
])('reads %s', async (_, pem) => {
  await writeFile(file, pem())
  const certificate = await readHttpsCertificate(file)
  expect(certificate?.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  expect(new X509Certificate(certificate?.cert ?? '').subject).toBe('CN=cloud.example.org')
  expect(certificate?.notAfter).toEqual(new X509Certificate(leaf).validToDate)
  expect(() => createSecureContext({ cert: certificate?.cert, key: certificate?.key })).not.toThrow()
})

it.each([
  ['no key', () => leaf, 'holds no private key; it needs the chain and the key in one file'],
  ['no certificate', () => key, 'holds no certificate'],
  ['nothing', () => '', 'holds no certificate'],
  ['another key', () => leaf + ecKey, 'holds a private key that belongs to none of its certificates'],
  ['a broken key', () => leaf + broken('PRIVATE KEY'), 'holds a private key that is broken or has a pass phrase'],
  ['a broken certificate', () => key + broken('CERTIFICATE'), 'holds a certificate that cannot be read'],
])('refuses a file with %s', async (_, pem, reason) => {
  await writeFile(file, pem())
  await expect(readHttpsCertificate(file)).rejects.toThrow(new UnusableCertificateFiles([{ file, reason }]))
})

it('refuses a directory, which Docker makes for a file that is not there', async () => {
  await expect(readHttpsCertificate(folder)).rejects.toThrow(`${folder}: is a directory, not a PEM file`)
})

it('leaves the file’s mode alone', async () => {
  await writeFile(file, leaf + key)
  await chmod(file, 0o400)
  await readHttpsCertificate(file)
  expect((await stat(file)).mode & 0o777).toBe(0o400)
  await rm(file)
})
