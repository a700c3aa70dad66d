import { MissingPeer } from './missing.ts'
import { run } from './run.ts'

/** Where Go builds, how long it may take, and what for, in words. */
export interface GoBuild {
  readonly cwd: string
  readonly timeoutMs: number
  readonly for: string
}

/** Runs the installed Go to build a static program for Linux containers and hosts alike. @throws MissingPeer without Go */
export async function runGo(args: readonly string[], { cwd, timeoutMs, for: purpose }: GoBuild): Promise<void> {
  try {
    // The whole environment, as that is where the user's Go proxy and caches are named.
    await run({ program: 'go', args, cwd, env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' } }, timeoutMs)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new MissingPeer(purpose, 'it is built from source; install Go 1.25 or newer', { cause: error })
    }
    throw error
  }
}
