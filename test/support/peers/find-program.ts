import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** Where daemons live; an unprivileged user's PATH often lacks these. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** The absolute path of an installed program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...SYSTEM_FOLDERS]
  return folders.filter(Boolean).map((folder) => path.join(folder, name)).find(isExecutable)
}

/** The same for a program that every machine has on which this is asked. @throws Error when it is not installed */
export function requireProgram(name: string): string {
  const program = findProgram(name)
  if (!program) throw new Error(`${name} is not installed`)
  return program
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
