import { posix } from 'node:path'

/** Of one path; the kernel's own limit is 4096 bytes. */
const maxPathLength = 4_095

export const allowedMountsAccepted = 'absolute paths separated by commas, without .. in them, or the word none'

/** Reads a comma-separated list of folders of engines; `none` is the empty list. `undefined` when an item is no such path. */
export function parseAllowedMounts(text: string): readonly string[] | undefined {
  if (text === 'none') return []
  const paths = text.split(',').map((item) => normalPath(item.trim()))
  return paths.includes(undefined) ? undefined : paths.filter((path) => path !== undefined)
}

/**
 * An absolute path of an engine without `//`, `.` and a slash at its end. `undefined` for one that is relative, climbs with `..`
 * or holds control characters: what is checked must be what the engine mounts.
 */
export function normalPath(path: string): string | undefined {
  if (!path.startsWith('/') || path.length > maxPathLength || /\p{Cc}/u.test(path)) return undefined
  if (path.split('/').includes('..')) return undefined
  const normal = posix.normalize(path)
  return normal === '/' ? normal : normal.replace(/\/$/, '')
}

/** Whether a normal path is one of these folders or lies below one. Links are not followed: only the engine sees them. */
export function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`))
}
