import { isatty } from 'node:tty'
import { ConfigError, type ProxyConfig, readConfig } from './config.ts'
import { createLog, type Logger, startLog } from './log.ts'
import { type DataPlane, startDataPlane } from './server.ts'

/** Reads the settings, starts the data plane, and stops it in order at TERM or INT. */
async function main(): Promise<void> {
  const config = readConfigOrExit()
  const log = createLog(config.logLevel, isatty(1))
  const steps = startLog(log, config.verboseStart)
  tellSettings(config, steps)
  const plane = await startDataPlane(config, { log, now: Date.now })
  steps.info({ ports: plane.ports }, 'Harpoon is ready')
  stopOnSignals(plane, steps)
}

function readConfigOrExit(): ProxyConfig {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

function tellSettings(config: ProxyConfig, steps: Logger): void {
  for (const notice of config.notices) steps.warn(notice)
  const { accepted, repaired, rejected } = config.trustedProxies
  for (const item of repaired) steps.warn(`HP_TRUSTED_PROXY_IPS: read ${item}`)
  for (const item of rejected) steps.error(`HP_TRUSTED_PROXY_IPS: ${item} is no address or network and is skipped; accepted: 10.0.0.0/8, 192.168.1.7, fd00::/8`)
  if (rejected.length > 0 && accepted.length === 0) steps.error('HP_TRUSTED_PROXY_IPS names no network: X-Forwarded-For is not believed from anybody')
  steps.info({ nextcloud: config.nextcloudUrl.href, trustedProxies: accepted, frpTls: config.frpTls, front: config.front }, 'Harpoon starts')
}

/** The first signal stops in order; a second one while that goes on ends at once. */
function stopOnSignals(plane: DataPlane, steps: Logger): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1)
    stopping = true
    steps.info({ signal }, 'stopping: running requests are finished')
    plane.close().then(
      () => {
        steps.info('stopped')
        process.exit(0)
      },
      (error: unknown) => {
        steps.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

main().catch((error: unknown) => {
  process.stderr.write(`Harpoon cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
