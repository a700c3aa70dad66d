import { z } from 'zod'
import { controlUrl, type Daemon } from './daemon.ts'
import type { DockerCalls } from './docker-calls.ts'
import { AppApiFailure } from './errors.ts'
import type { Guzzle } from './guzzle.ts'

const infoSchema = z.object({ version: z.union([z.string(), z.number()]) })

/** The oldest daemon that AppAPI is content with (its contract §1.4). */
const OLDEST = [0, 3, 0]

export interface DaemonCheck {
  readonly daemon: Daemon
  readonly calls: DockerCalls
  readonly guzzle: Guzzle
  readonly checksVersion: boolean
}

/** The "Check connection" button, and the setup check of the daemon's version. @throws AppApiFailure */
export async function checkDaemon({ daemon, calls, guzzle, checksVersion }: DaemonCheck): Promise<void> {
  await calls.ping()
  if (!checksVersion) return
  const { text } = await guzzle.call({ method: 'GET', url: `${controlUrl(daemon)}/info`, headers: { 'harp-shared-key': daemon.sharedKey } })
  const { version } = infoSchema.parse(JSON.parse(text))
  if (!isAtLeast(String(version).split('.').map(Number), OLDEST)) throw new AppApiFailure(`the daemon is too old: ${version}`)
}

function isAtLeast(version: readonly number[], oldest: readonly number[]): boolean {
  for (const [index, number] of oldest.entries()) {
    const own = version[index] ?? 0
    if (own !== number) return own > number // NaN, of a suffix, is never more
  }
  return true
}
