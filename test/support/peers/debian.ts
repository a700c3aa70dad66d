import { announce } from './announce.ts'
import { findProgram } from './find-program.ts'
import { acquireLock } from './lock.ts'
import { MissingPeer } from './missing.ts'
import { run } from './run.ts'

/** An index update and an install took 20 s to a minute; a slow mirror and another apt at work take longer. */
const APT_TIMEOUT_MS = 10 * 60_000

const INSTALL = ['install', '--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']

/**
 * Installs a Debian package that brings `program`, when it is missing, and gives the program's path.
 * @throws MissingPeer where that is not ours to do: not root, or no apt-get
 */
export async function ensureDebianProgram(program: string, debianPackage: string, why: string): Promise<string> {
  const lock = await acquireLock('apt-get', APT_TIMEOUT_MS)
  try {
    const installed = findProgram(program)
    if (installed) return installed
    const apt = findProgram('apt-get')
    if (!apt || process.getuid?.() !== 0) {
      throw new MissingPeer(program, `install Debian's ${debianPackage} or its like (the tests do so themselves only as root on Debian)`)
    }
    announce(`installing Debian's ${debianPackage} for ${why}`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    await run({ program: apt, args: ['update', '--quiet'], env }, APT_TIMEOUT_MS)
    await run({ program: apt, args: [...INSTALL, debianPackage], env }, APT_TIMEOUT_MS)
    const path = findProgram(program)
    if (!path) throw new Error(`${debianPackage} is installed but brings no ${program}`)
    return path
  } finally {
    lock.release()
  }
}
