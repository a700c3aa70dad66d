import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { ensureFrpCertificates } from '../proxy/certificates/frp-certificates.ts'
import { sharedKey } from '../test/support/data-plane.ts'
import { startNextcloud } from '../test/support/nextcloud.ts'
import type { NextcloudStandIn } from '../test/support/nextcloud.ts'
import { startProcess } from '../test/support/peers/child-process.ts'
import { ensureDebianProgram } from '../test/support/peers/debian.ts'
import { ensureFrp } from '../test/support/peers/frp.ts'
import { run } from '../test/support/peers/run.ts'

/** What all contestants share: the ExApp behind them, Nextcloud beside them, and the programs they are made of. */
export interface Stage {
  /** Goes with the stage. */
  readonly folder: string
  /** Where the data plane looks for its certificates; those of the tunnels are in `frp/` of it. */
  readonly certificates: string
  readonly exAppSocket: string
  readonly nextcloud: NextcloudStandIn
  readonly programs: { readonly haproxy: string; readonly frps: string; readonly wrk: string }
  /** What the bare contestants are made of, with versions. */
  readonly peers: string
  /** Takes whatever has to end with the stage. */
  readonly parts: AsyncDisposableStack
}

/** As many tunnels as there are ports for ExApps. */
const exAppCount = 1000

/** Some rows show a new session with each request; used again after this many, a session has long been forgotten. */
export const sessionCount = 500_000

/** The newest frps, and the oldest frpc in use: the one that most published ExApps ship. */
const frpsVersion = '0.71.0'
export const frpcVersion = '0.61.1'

const versionTimeoutMs = 10_000

/** What Nextcloud takes to say who a visitor is. */
const nextcloudMs = 20

/** The id of the ExApp at that place; the first one is the one under load. */
export const appIdAt = (index: number): string => `app_${index}`

/** The port that AppAPI gave that ExApp. */
export const portAt = (index: number): number => 23_000 + index

/** The value of the cookie of that session. */
export const sessionAt = (index: number): string => `session-${index}`

/** Starts the ExApp and Nextcloud, and brings the programs; `parts` of the stage ends all of it. */
export async function setStage({ exAppMicroseconds }: { readonly exAppMicroseconds: number }): Promise<Stage> {
  await using parts = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-bench-'))
  parts.defer(() => rm(folder, { recursive: true, force: true }))
  const certificates = join(folder, 'certs')
  await ensureFrpCertificates({ directory: join(certificates, 'frp'), validityDays: 2, now: Date.now, log: pino({ enabled: false }) })

  const nextcloud = parts.adopt(await startNextcloud({ sharedKey }), (started) => started.close())
  const routes = [
    { url: '^/public', access_level: 0 },
    { url: '.*', access_level: 1 },
  ] as const
  for (let index = 0; index < exAppCount; index++) nextcloud.addExApp({ appId: appIdAt(index), port: portAt(index), routes })
  for (let index = 0; index < sessionCount; index++) nextcloud.setSession(sessionAt(index), 'user')
  nextcloud.setFault('user-info', { kind: 'delay', ms: nextcloudMs })

  const exAppSocket = join(folder, 'exapp.sock')
  const program = fileURLToPath(new URL('exapp-program.ts', import.meta.url))
  const exApp = parts.use(await startProcess({ program: process.execPath, args: [program, exAppSocket, String(exAppMicroseconds)] }))
  await exApp.waitForOutput(/listening/)

  const programs = {
    haproxy: await ensureDebianProgram('haproxy', 'haproxy', 'the bench: what an admin would wire up by hand'),
    wrk: await ensureDebianProgram('wrk', 'wrk', 'the bench: the load generator'),
    frps: (await ensureFrp(frpsVersion)).frps,
  }
  const haproxyVersion = /version (\S+)/.exec(await run({ program: programs.haproxy, args: ['-v'] }, versionTimeoutMs))?.[1]
  const peers = `HAProxy ${haproxyVersion}, frps ${frpsVersion}, frpc ${frpcVersion}`
  return { folder, certificates, exAppSocket, nextcloud, programs, peers, parts: parts.move() }
}
