import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startProcess } from './peers/child-process.ts'
import type { ChildProcess, Command } from './peers/child-process.ts'
import { ensureFrp, frpVersions } from './peers/frp.ts'
import type { FrpBinaries, FrpVersion } from './peers/frp.ts'

/** The versions of frpc that every promise about tunnels is tried with. */
export const frpcVersions = frpVersions

/** What to start: `config` is frp's TOML, written to `dir` (a temporary folder of its own unless given). */
export interface FrpOptions {
  readonly version: FrpVersion
  readonly config: string
  readonly dir?: string
  /** Where it runs, if not in the network of this machine (`network.ts`). */
  readonly network?: { readonly within: (command: Command) => Command } | undefined
}

/** Starts an unmodified frpc. @throws MissingPeer when it is not built and Go is not installed */
export function startFrpc(options: FrpOptions): Promise<ChildProcess> {
  return startFrp('frpc', options)
}

/** Starts an unmodified frps, to compare our answers with. @throws MissingPeer as `startFrpc` */
export function startFrps(options: FrpOptions): Promise<ChildProcess> {
  return startFrp('frps', options)
}

async function startFrp(program: keyof FrpBinaries, { version, config, dir, network }: FrpOptions): Promise<ChildProcess> {
  const binaries = await ensureFrp(version)
  const folder = dir ?? (await mkdtemp(path.join(tmpdir(), `harpoon-${program}-`)))
  const file = path.join(folder, `${program}.toml`)
  await writeFile(file, config, { mode: 0o600 }) // it holds the token
  const cleanUp = dir === undefined ? () => rm(folder, { recursive: true, force: true }) : undefined
  const command = { program: binaries[program], args: ['-c', file], cwd: folder, ...(cleanUp && { cleanUp }) }
  return startProcess(network ? network.within(command) : command)
}
