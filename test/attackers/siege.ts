import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeThrowAwayCertificate } from '../../proxy/certificates/throw-away.ts'
import type { Environment } from '../../proxy/config.ts'
import { type DataPlaneProcess, startDataPlaneProcess } from '../support/data-plane-process.ts'
import { startFrpc } from '../support/frpc.ts'
import { harpClientConfig } from '../support/harp-client.ts'
import type { FrpVersion } from '../support/peers/frp.ts'
import { type Bystanders, gatherBystanders } from './bystanders.ts'
import { readVitalSigns, type VitalSigns } from './vital-signs.ts'

/** Long enough to be found in a log only where it was written. */
export const siegeKey = 'the-shared-key-of-the-siege'

/** The ExApp's secret; what goes to it holds this in base64. */
const exAppSecret = 'the-secret-of-the-exapp'

/** Where the regular visitor comes from. */
const visitorAddress = '127.7.7.7'

/**
 * The longest that the regular visitor may wait for an answer. Without an attack it takes milliseconds; attackers, data plane,
 * frpc and ExApp share the machine, and often others use it too.
 */
const slowestAnswerMs = 5_000

/** How long what an attack has opened may stay: the longest limit in time that attackers are given here is ten seconds. */
const recoveryMs = 30_000

/**
 * How much memory may stay resident after an attack. V8 gives back what a burst made it take only when it feels like it
 * (three spaces of 32 MiB for young objects, and slack in the old ones), and the allocator keeps pages for the next burst.
 */
const keptBytes = 160 * 1024 ** 2

export interface SiegeOptions {
  readonly version: FrpVersion
  /** Whether tunnels need TLS with a client certificate; without, they may come as they like. */
  readonly tls: boolean
  readonly environment?: Environment
}

/** Takes note of a connection of the attacker's, so that it is gone when the attack is over, however that ends. */
export type Keep = <Connection extends { destroy(): unknown }>(connection: Connection) => Connection

/** A data plane as a process of its own, under attack, while somebody uses an ExApp through the tunnel of a real frpc. */
export interface Siege extends AsyncDisposable {
  readonly plane: DataPlaneProcess
  /** Folder of ca.crt, client.crt and client.key. */
  readonly certificates: string
  /**
   * Runs an attack and tells what it did, as seen from outside; nothing is wrong when the process lives, the visitor got every
   * answer and in time, what was opened is closed, memory is back, and the log holds nothing unexpected and no secret.
   */
  readonly damageOf: (attack: (keep: Keep) => Promise<void>, options?: { readonly mayKeepBytes?: number }) => Promise<readonly string[]>
  readonly vitalSigns: () => Promise<VitalSigns>
}

export async function laySiege({ version, tls, environment = {} }: SiegeOptions): Promise<Siege> {
  const stack = new AsyncDisposableStack()
  try {
    const folder = await mkdtemp(join(tmpdir(), 'harpoon-siege-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const { cert, key } = await makeThrowAwayCertificate(Date.now())
    await writeFile(join(folder, 'cert.pem'), `${key}\n${cert}`, { mode: 0o600 })
    const unixSocket = join(folder, 'exapp.sock')
    const routes = [{ url: '^/closed', access_level: 1 }, { url: '.*', access_level: 0 }] as const
    const bystanders = await gatherBystanders({ sharedKey: siegeKey, unixSocket, exApp: { appId: 'demo', port: 23_000, exapp_token: exAppSecret, routes } })
    stack.defer(() => bystanders.leave())
    const plane = await startDataPlaneProcess({
      HP_SHARED_KEY: siegeKey,
      NC_INSTANCE_URL: bystanders.nextcloudUrl,
      HARPOON_CERTS_DIR: folder,
      HP_FRP_DISABLE_TLS: String(!tls),
      HP_LOG_LEVEL: 'info',
      HP_TIMEOUT_CLIENT: '3s',
      ...environment,
    })
    stack.defer(() => plane.stop())
    const certificates = join(folder, 'frp')
    const client = { frpPort: plane.ports.frp, sharedKey: siegeKey, appId: 'demo', remotePort: 23_000, unixSocket }
    const frpc = await startFrpc({ version, config: harpClientConfig({ ...client, certificates: tls ? certificates : undefined }) })
    stack.defer(() => frpc.stop())
    await frpc.waitForOutput(/start proxy success/)
    bystanders.sendVisitor({ port: plane.ports.http, path: '/exapps/demo/public', from: visitorAddress, giveUpMs: 4 * slowestAnswerMs, pauseMs: 20 })

    const vitalSigns = () => readVitalSigns({ pid: plane.pid, adminPort: plane.ports.admin })
    const besieged = { plane, bystanders }
    // So that what is made once (code, pools, caches) does not count as left behind.
    const trouble = await visitorTrouble(besieged, 50)
    if (trouble.length > 0) throw new Error(trouble.join('\n'))
    const before = await vitalSigns()

    const damageOf: Siege['damageOf'] = async (attack, { mayKeepBytes = keptBytes } = {}) => {
      const kept: { destroy(): unknown }[] = []
      const keep: Keep = (connection) => {
        kept.push(connection)
        return connection
      }
      try {
        await attack(keep)
      } finally {
        for (const connection of kept) connection.destroy()
      }
      // Those that waited during the attack, and some that began after it.
      return [...(await visitorTrouble(besieged, 5)), ...(await leftovers(before, { ...tolerance, residentBytes: mayKeepBytes }, vitalSigns)), ...suspiciousLines(plane.output())]
    }
    const owned = stack.move()
    return { plane, certificates, damageOf, vitalSigns, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  } finally {
    await stack.disposeAsync() // nothing once all of it was moved
  }
}

interface Besieged {
  readonly plane: DataPlaneProcess
  readonly bystanders: Bystanders
}

/** What the visitor of another ExApp has to complain about, until it has had so many more answers. */
async function visitorTrouble({ plane, bystanders }: Besieged, wanted: number): Promise<string[]> {
  let answers = 0
  let slowestMs = 0
  for (const giveUpAt = performance.now() + recoveryMs; answers < wanted; await delay(10)) {
    const report = await bystanders.report()
    if (report.failures.length > 0) return [`a visitor met: ${report.failures.join(', ')}`, plane.output()]
    answers += report.answers
    slowestMs = Math.max(slowestMs, report.slowestMs)
    if (performance.now() > giveUpAt) return ['a visitor gets no answers', plane.output()]
  }
  return slowestMs > slowestAnswerMs ? [`a visitor waited ${Math.round(slowestMs)} ms`] : []
}

/** What is there that was not before, once there was time for it to go. */
async function leftovers(before: VitalSigns, tolerance: Tolerance, vitalSigns: () => Promise<VitalSigns>): Promise<string[]> {
  for (const giveUpAt = performance.now() + recoveryMs; ; await delay(50)) {
    const now = await vitalSigns()
    const left = signs.filter((sign) => now[sign] > before[sign] + (tolerance[sign] ?? 0)).map((sign) => `${sign}: ${now[sign]}, before ${before[sign]}`)
    if (left.length === 0 || performance.now() > giveUpAt) return left
  }
}

const signs = ['fileDescriptors', 'residentBytes', 'sessions', 'connectionsWithoutLogin', 'streams', 'sockets', 'timers'] as const

/** The visitor, and each look at the signs, may be between two connections, timers or streams. */
const tolerance: Tolerance = { fileDescriptors: 3, streams: 3, sockets: 3, timers: 8 }
type Tolerance = Partial<Record<keyof VitalSigns, number>>

/** Lines that no attacker may cause: an error of ours, a stack, a secret. */
function suspiciousLines(log: string): string[] {
  const secrets = [siegeKey, exAppSecret, Buffer.from(`:${exAppSecret}`).toString('base64'), 'PRIVATE KEY']
  return log.split('\n').filter((line) => /"level":"error"|unexpected|^\s+at /.test(line) || secrets.some((secret) => line.includes(secret)))
}
