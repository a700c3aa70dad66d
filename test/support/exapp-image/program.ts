import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { cached } from '../cache.ts'
import { announce } from '../peers/announce.ts'
import { runGo } from '../peers/go.ts'

/** A cold build compiles Go's standard library: half a minute on two busy cores. */
const BUILD_TIMEOUT_MS = 5 * 60_000

const BUILD_FLAGS = ['-trimpath', '-ldflags=-s -w']

const sources = path.join(import.meta.dirname, 'program')

/**
 * The ExApp of the container images as one static program, built once per machine.
 * @throws MissingPeer when Go is not installed
 */
export async function ensureExAppProgram(): Promise<string> {
  const hash = createHash('sha256').update(BUILD_FLAGS.join(' '))
  for (const file of (await readdir(sources)).toSorted()) hash.update(file).update(await readFile(path.join(sources, file)))
  const name = `exapp-${process.arch}-${hash.digest('hex').slice(0, 12)}`
  const folder = await cached(name, async (draft) => {
    announce('building the ExApp of the container images (once)')
    await runGo(['build', ...BUILD_FLAGS, '-o', path.join(draft, 'exapp'), '.'], { cwd: sources, timeoutMs: BUILD_TIMEOUT_MS, for: 'the ExApp of container images' })
  })
  return path.join(folder, 'exapp')
}
