import { flushCompileCache } from 'node:module'
import { isatty } from 'node:tty'
import { ConfigError, type ProxyConfig, readConfig } from './config.ts'
import { LiveSettings } from './live-settings.ts'
import { createLog, type Logger, startLog } from './log.ts'
import { type DataPlane, startDataPlane } from './server.ts'
import { tellSettings } from './settings/tell-settings.ts'

/** Reads the settings, starts the data plane, and stops it in order at TERM or INT. */
async function start(): Promise<void> {
  const config = readConfigOrExit()
  const log = createLog(config.logLevel, isatty(1))
  const steps = startLog(log, config.verboseStart)
  tellSettings(config, steps)
  // A flaw of ours that one request met must not end everybody's tunnels; what was thrown synchronously still does.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unexpected error, please report it'))
  const settings = new LiveSettings(config, { log, read: readConfig })
  const starting = startDataPlane(settings, { log, now: Date.now, uptime: () => performance.now() })
  followSignals(starting, steps)
  const plane = await starting
  steps.info({ ports: plane.ports }, 'Harpoon is ready')
  flushCompileCache() // a process that is killed leaves none
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

/**
 * TERM, INT and USR1 stop in order, also while still starting; a second one ends at once. HUP reads settings and
 * certificates again (HaRP contract §2.4). Node would open its debugger at USR1.
 */
function followSignals(starting: Promise<DataPlane>, steps: Logger): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1)
    stopping = true
    steps.info({ signal }, 'stopping: running requests are finished')
    starting
      .then((plane) => plane.close())
      .then(() => {
        steps.info('stopped')
        process.exit(0)
      })
      .catch((error: unknown) => {
        steps.error({ err: error }, 'stopping failed')
        process.exit(1)
      })
  }
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGUSR1', stop)
  process.on('SIGHUP', () => {
    steps.info('reading settings and certificates again')
    starting.then((plane) => plane.reload()).catch(() => {}) // a failed start has ended the process
  })
}

/** The program: from its settings to its end. */
export function run(): void {
  start().catch((error: unknown) => {
    process.stderr.write(`Harpoon cannot start: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  })
}
