import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { build as pretty } from 'pino-pretty'

export type { Logger } from 'pino'

const pinoLevel = { debug: 'debug', info: 'info', warning: 'warn', error: 'error' } as const

/** HaRP's level names (contract §1.1). */
export type LogLevel = keyof typeof pinoLevel

/** Lines for people on a terminal, JSON everywhere else. */
export function createLog(level: LogLevel, terminal: boolean, destination?: DestinationStream): Logger {
  const options = { level: pinoLevel[level], base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } }
  if (destination) return pino(options, destination)
  return terminal ? pino(options, pretty({ sync: true, colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' })) : pino(options)
}

/** A child that also shows the steps of the start when the level is higher, as HaRP's `HP_VERBOSE_START` does. */
export const startLog = (log: Logger, verbose: boolean): Logger =>
  log.child({}, verbose && !log.isLevelEnabled('info') ? { level: 'info' } : {})

/** Changes the level while running. */
export function setLogLevel(log: Logger, level: LogLevel): void {
  log.level = pinoLevel[level]
}
