import { ensureDebianProgram } from './peers/debian.ts'
import { findProgram } from './peers/find-program.ts'
import { MissingPeer } from './peers/missing.ts'

/** The names that distributions and Google give it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The path of an installed Chromium, or undefined. */
export function findChromium(): string | undefined {
  return NAMES.map(findProgram).find((program) => program !== undefined)
}

/**
 * An installed Chromium; in CI, as root on Debian, it is installed first.
 * @throws MissingPeer elsewhere: 400 MB are not ours to put on a developer's machine
 */
export async function ensureChromium(): Promise<string> {
  const installed = findChromium()
  if (installed) return installed
  if (!process.env.CI) throw new MissingPeer('Chromium', 'install it to have pages looked at')
  return ensureDebianProgram('chromium', 'chromium', 'the tests that look at a page')
}

/** For `describeWithPeer`: the path of Chromium. */
export const chromium = { name: 'Chromium', ensure: ensureChromium }
