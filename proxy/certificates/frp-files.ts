import { randomUUID } from 'node:crypto'
import { copyFile, constants, link, mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UnwritableCertificateDirectory } from './errors.ts'
import { unreadable } from './unreadable.ts'

/** HaRP's file names (HaRP contract §5.2), in the order in which they are made: each one needs those before it. */
export const frpFiles = ['ca.key', 'ca.crt', 'server.key', 'server.crt', 'client.key', 'client.crt'] as const

export type FrpFile = (typeof frpFiles)[number]

/** What is on the disk under one name. */
export type FileState =
  | { readonly state: 'present'; readonly pem: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly reason: string }

export type FrpFileStates = Readonly<Record<FrpFile, FileState>>

// A temporary file this old belongs to a start that was killed: making all six takes seconds.
const abandonedAfterMs = 10 * 60_000
const temporaryMark = '.harpoon-'

/**
 * Reads the six files; other names, such as OpenSSL's `ca.srl`, are nobody's business.
 * Last made, first read: whoever sees a certificate then also sees the CA key that a second process made before it.
 */
export async function readFrpFiles(directory: string): Promise<FrpFileStates> {
  const clientCrt = await readFrpFile(directory, 'client.crt')
  const clientKey = await readFrpFile(directory, 'client.key')
  const serverCrt = await readFrpFile(directory, 'server.crt')
  const serverKey = await readFrpFile(directory, 'server.key')
  const caCrt = await readFrpFile(directory, 'ca.crt')
  const caKey = await readFrpFile(directory, 'ca.key')
  return {
    'ca.key': caKey,
    'ca.crt': caCrt,
    'server.key': serverKey,
    'server.crt': serverCrt,
    'client.key': clientKey,
    'client.crt': clientCrt,
  }
}

/** Reads one file; whatever is wrong with it is part of the answer. */
export async function readFrpFile(directory: string, file: FrpFile): Promise<FileState> {
  try {
    return { state: 'present', pem: await readFile(join(directory, file), 'utf8') }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { state: 'absent' }
    return { state: 'unreadable', reason: unreadable(codeOf(error)) }
  }
}

/** Makes the directory if need be and clears away what a killed start left in it; throws UnwritableCertificateDirectory. */
export async function prepareDirectory(directory: string, missing: readonly FrpFile[], now: number): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 })
    for (const name of await readdir(directory)) {
      if (!name.startsWith(temporaryMark)) continue
      const path = join(directory, name)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now })) // Gone by now: its process has finished.
      if (now - mtimeMs > abandonedAfterMs) await rm(path, { force: true })
    }
  } catch (error) {
    throw new UnwritableCertificateDirectory(directory, missing, error)
  }
}

/**
 * Writes a file whole or not at all, and never over one that is there: the name appears by a hard link to a finished
 * file, so of two processes one wins. Keys are 0600, certificates 0644. Throws UnwritableCertificateDirectory.
 */
export async function publishFrpFile(directory: string, file: FrpFile, pem: string): Promise<void> {
  const temporary = join(directory, `${temporaryMark}${file}.${randomUUID()}`)
  try {
    const handle = await open(temporary, 'wx', file.endsWith('.key') ? 0o600 : 0o644)
    try {
      await handle.writeFile(pem)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await appear(temporary, join(directory, file))
  } catch (error) {
    throw new UnwritableCertificateDirectory(directory, [file], error)
  } finally {
    await rm(temporary, { force: true }).catch(() => {}) // Nothing to remove is the usual case when writing failed.
  }
}

async function appear(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    // Some network shares and FAT have no hard links; an exclusive copy is the next best, though not atomic.
    if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'ENOTSUP' && codeOf(error) !== 'EOPNOTSUPP') throw error
    await copyFile(temporary, path, constants.COPYFILE_EXCL).catch((second: unknown) => {
      if (codeOf(second) !== 'EEXIST') throw second
    })
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
