import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { acquireLock } from './peers/lock.ts'

/** Longest wait for another process that makes the same entry: a cold build of frp takes one to four minutes. */
const LOCK_WAIT_MS = 15 * 60_000

/** The folder, outside the repository, where fetched and built peers are kept between runs. */
export function cacheFolder(): string {
  const { HARPOON_CACHE, XDG_CACHE_HOME } = process.env
  if (HARPOON_CACHE) return path.resolve(HARPOON_CACHE)
  return path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'harpoon')
}

/**
 * The path of a cache entry, made by `make` in an empty folder when it is not there yet.
 * However many processes ask at once, one makes it; nobody ever sees a half-made entry.
 */
export async function cached(name: string, make: (folder: string) => Promise<unknown>): Promise<string> {
  const root = cacheFolder()
  const entry = path.join(root, name)
  if (existsSync(entry)) return entry
  await mkdir(root, { recursive: true })
  const lock = await acquireLock(entry, LOCK_WAIT_MS)
  try {
    if (existsSync(entry)) return entry
    const draftPrefix = `.draft-${name}-`
    await removeAbandoned(root, draftPrefix)
    const draft = path.join(root, `${draftPrefix}${randomBytes(6).toString('hex')}`)
    await mkdir(draft)
    try {
      await make(draft)
      await rename(draft, entry)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
    return entry
  } finally {
    lock.release()
  }
}

/** Removes drafts whose maker was killed: whoever holds the lock knows that none of them is in use. */
async function removeAbandoned(root: string, draftPrefix: string): Promise<void> {
  for (const file of await readdir(root)) {
    if (file.startsWith(draftPrefix)) await rm(path.join(root, file), { recursive: true, force: true })
  }
}
