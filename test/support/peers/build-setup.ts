import { announce } from './announce.ts'
import { ensureFrp, frpVersions } from './frp.ts'
import { MissingPeer } from './missing.ts'

/**
 * Runs once before all tests: builds what takes minutes, so that no single test's time limit has to hold it.
 * A peer that is missing is no error here: whichever test needs it says so.
 */
export async function setup(): Promise<void> {
  for (const version of frpVersions) {
    await ensureFrp(version).catch((error: unknown) => {
      if (!(error instanceof MissingPeer)) throw error
      announce(error.message)
    })
  }
}
