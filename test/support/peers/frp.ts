import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { cached } from '../cache.ts'
import { announce } from './announce.ts'
import { runGo } from './go.ts'

/** The oldest and the newest frp that the tunnels are tried with: the range that published ExApps ship. */
export const frpVersions = ['0.61.1', '0.71.0'] as const

/** A version of frp whose sources `frp-<version>/go.mod` pins. */
export type FrpVersion = (typeof frpVersions)[number]

/** Paths of the two programs of one frp version. */
export interface FrpBinaries {
  readonly frpc: string
  readonly frps: string
}

/** Cold builds took one minute each on two busy cores; a slow machine that also downloads needs several. */
const BUILD_TIMEOUT_MS = 10 * 60_000

/** `noweb` leaves out the dashboards, which nothing here opens. */
const BUILD_FLAGS = ['-mod=readonly', '-tags=noweb', '-trimpath', '-ldflags=-s -w']

const PROGRAMS = ['frpc', 'frps'] as const

/**
 * Builds frpc and frps from the Go module proxy, once per machine.
 * @throws MissingPeer when Go is not installed
 */
export async function ensureFrp(version: FrpVersion): Promise<FrpBinaries> {
  const module = path.join(import.meta.dirname, `frp-${version}`)
  const hash = createHash('sha256').update(BUILD_FLAGS.join(' '))
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(path.join(module, file)))
  const name = `frp-${version}-${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 12)}`
  const folder = await cached(name, (draft) => build(version, module, draft))
  return { frpc: path.join(folder, 'frpc'), frps: path.join(folder, 'frps') }
}

async function build(version: FrpVersion, module: string, folder: string): Promise<void> {
  announce(`building frp ${version} from its Go sources, the real tunnel client of the tests (once, takes minutes)`)
  const packages = PROGRAMS.map((program) => `github.com/fatedier/frp/cmd/${program}`)
  const args = ['build', ...BUILD_FLAGS, '-o', `${folder}${path.sep}`, ...packages]
  await runGo(args, { cwd: module, timeoutMs: BUILD_TIMEOUT_MS, for: `frp ${version}` })
}

/** For `describeWithPeer`: the programs of one version, which need Go to be built. */
export const frp = (version: FrpVersion) => ({ name: 'Go', ensure: () => ensureFrp(version) })
