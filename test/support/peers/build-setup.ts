import { announce } from './announce.ts'
import { ensureDebianProgram } from './debian.ts'
import { ensureFrp, frpVersions } from './frp.ts'
import { ensureKubernetes } from './kubernetes.ts'
import { MissingPeer } from './missing.ts'

/** Small programs that nearly every machine has; their Debian packages have the same names. */
const commonPrograms = ['curl', 'openssl'] as const

/**
 * Runs once before all tests: installs and builds what takes minutes, so that no single test's time limit has to hold it.
 * A peer that is missing is no error here: whichever test needs it says so.
 */
export async function setup(): Promise<void> {
  for (const program of commonPrograms) await orAnnounce(ensureDebianProgram(program, program, 'the tests that talk to it'))
  for (const version of frpVersions) await orAnnounce(ensureFrp(version))
  await orAnnounce(ensureKubernetes())
}

async function orAnnounce(ensuring: Promise<unknown>): Promise<void> {
  try {
    await ensuring
  } catch (error) {
    if (!(error instanceof MissingPeer)) throw error
    announce(error.message)
  }
}
