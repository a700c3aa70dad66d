import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Environment, readConfig } from '../../proxy/config.ts'
import { LiveSettings } from '../../proxy/live-settings.ts'
import { createLog } from '../../proxy/log.ts'
import { type DataPlane, type DataPlaneDeps, startDataPlane } from '../../proxy/server.ts'
import { countAfterEachTest, countConnections, readMetrics } from './leftovers.ts'
import { sendForAnswer } from './send.ts'

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A data plane in this process, on ports of its own, with everything it logged. */
export interface TestDataPlane extends DataPlane {
  readonly url: string
  readonly log: readonly LogLine[]
  /** Everything written to the log, as text: to look for secrets. */
  readonly logText: () => string
  readonly certificates: string
  /** Moves the clock that bans and caches follow, in milliseconds. */
  advance(milliseconds: number): void
}

/** The shared key of tests, HaRP contract §9. */
export const sharedKey = 'sk'

/** Limits that are lower than a running data plane has them. */
export type LowerLimits = Pick<DataPlaneDeps, 'limits' | 'tunnelLimits'>

/** Starts the real data plane against a Nextcloud, with HaRP's variables as settings. */
export async function startTestDataPlane(nextcloudUrl: string, environment: Environment = {}, lower: LowerLimits = {}): Promise<TestDataPlane> {
  const noConnectionsLeft = countConnections()
  const certificates = await mkdtemp(join(tmpdir(), 'harpoon-certs-'))
  const read = () => readConfig({
    HP_SHARED_KEY: sharedKey,
    NC_INSTANCE_URL: nextcloudUrl,
    HP_EXAPPS_ADDRESS: '127.0.0.1:0',
    HP_EXAPPS_HTTPS_ADDRESS: '127.0.0.1:0',
    HP_FRP_ADDRESS: '127.0.0.1:0',
    HP_FRP_DISABLE_TLS: 'true',
    HARPOON_ADMIN_ADDRESS: '127.0.0.1:0',
    HARPOON_CERTS_DIR: certificates,
    HARPOON_DOCKER_SOCKET: join(certificates, 'no-docker.sock'),
    HARPOON_STOP_TIMEOUT: '1s',
    HP_LOG_LEVEL: 'info',
    ...environment,
  })
  const config = read()
  const lines: string[] = []
  const log = createLog(config.logLevel, false, { write: (line) => void lines.push(line) })
  let offsetMs = 0
  const plane = await startDataPlane(new LiveSettings(config, { log, read }), { log, now: () => Date.now() + offsetMs, uptime: () => performance.now() + offsetMs, ...lower })
  const stopCounting = countAfterEachTest({ counts: () => runningIn(plane) })
  return {
    ...plane,
    url: `http://127.0.0.1:${plane.ports.http}`,
    get log() {
      return lines.map((line): LogLine => JSON.parse(line))
    },
    logText: () => lines.join(''),
    certificates: config.certificates.directory,
    advance: (milliseconds) => {
      offsetMs += milliseconds
    },
    close: async () => {
      stopCounting()
      await plane.close()
      await noConnectionsLeft() // neither to an ExApp nor to Nextcloud, and none of a client
      await rm(certificates, { recursive: true, force: true })
    },
  }
}

/** What a test that is over may not leave running. */
const endWithTheirTest = ['harpoon_requests_running', 'harpoon_upgraded_connections', 'harpoon_read_ahead_bytes', 'harpoon_tunnel_waiting_requests', 'harpoon_tunnel_unauthenticated_connections'] as const

async function runningIn({ ports }: DataPlane): Promise<Record<string, number>> {
  const metrics = readMetrics((await sendForAnswer({ port: ports.admin, path: '/metrics', headers: { connection: 'close' } })).text)
  return Object.fromEntries(endWithTheirTest.map((name) => [name, metrics.get(name) ?? Number.NaN]))
}
