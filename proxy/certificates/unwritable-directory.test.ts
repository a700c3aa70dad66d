import { chmod, cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureInChildProcess, openScratch } from '../../test/support/frp-certificates.ts'
import type { Scratch } from '../../test/support/frp-certificates.ts'

// Nothing stops root from writing, so root looks in as nobody.
const otherUser = process.getuid?.() === 0 ? 65534 : undefined

let scratch: Scratch
let directory: string
beforeAll(async () => {
  scratch = await openScratch()
})
afterAll(() => scratch.remove())
beforeEach(async () => {
  directory = scratch.newDirectory()
  await scratch.ensure(directory, Date.now())
})

async function handOver(...names: string[]): Promise<void> {
  for (const name of names) await chmod(join(directory, name), 0o644)
}

it('uses complete files of a directory that cannot be written, without the CA key', async () => {
  await handOver('server.key', 'client.key')
  await chmod(join(directory, 'ca.key'), 0)
  await chmod(directory, 0o555)
  expect(await ensureInChildProcess(directory, otherUser)).toBe('ok')
})

it('says that a missing file cannot be written', async () => {
  await handOver('ca.key', 'server.key', 'client.key')
  await rm(join(directory, 'client.crt'))
  await chmod(directory, 0o555)
  expect(await ensureInChildProcess(directory, otherUser)).toMatch(
    /^UnwritableCertificateDirectory: \S+ lacks client\.crt and cannot be written: EACCES/,
  )
})

it('says that the directory itself cannot be made', async () => {
  const parent = scratch.newDirectory()
  await cp(directory, parent, { recursive: true })
  await chmod(parent, 0o555)
  expect(await ensureInChildProcess(join(parent, 'frp'), otherUser)).toMatch(
    /^UnwritableCertificateDirectory: \S+\/frp lacks ca\.key, ca\.crt, .* and cannot be written: EACCES/,
  )
})

it('names the keys that another user’s data plane left unreadable', async () => {
  await chmod(join(directory, 'server.key'), 0)
  expect(await ensureInChildProcess(directory, otherUser)).toMatch(
    /^UnusableCertificateFiles: \S+\/server\.key: cannot be read \(EACCES\) by user \d+/,
  )
})

it('names an unreadable CA key only when something has to be signed', async () => {
  await handOver('server.key', 'client.key')
  await chmod(join(directory, 'ca.key'), 0)
  await rm(join(directory, 'client.crt'))
  expect(await ensureInChildProcess(directory, otherUser)).toMatch(
    /^MissingCertificateFiles: \S+ lacks client\.crt: ca\.key, which could sign them, cannot be read \(EACCES\)/,
  )
})

it('does not take a file for a directory', async () => {
  const file = scratch.newDirectory()
  await writeFile(file, '')
  await expect(scratch.ensure(file, Date.now())).rejects.toThrow(/ca\.crt: cannot be read \(ENOTDIR\)/)
})
