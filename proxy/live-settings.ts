import { ConfigError, type ProxyConfig } from './config.ts'
import { type Logger, setLogLevel } from './log.ts'

/** What a running data plane is built on; a change of these needs a restart. */
const fixed = ['nextcloudUrl', 'listen', 'frpTls', 'frpWebsocket', 'certificates', 'dockerSocket', 'front'] as const satisfies readonly (keyof ProxyConfig)[]

export interface LiveSettingsDeps {
  readonly log: Logger
  /** Reads all settings anew; throws a `ConfigError`. */
  readonly read: () => ProxyConfig
}

/** The settings that hold now: keys, bans, time limits, trusted proxies, the log level and the like change while running. */
export class LiveSettings {
  readonly #deps: LiveSettingsDeps
  #current: ProxyConfig
  #problem: string | undefined

  constructor(initial: ProxyConfig, deps: LiveSettingsDeps) {
    this.#current = initial
    this.#deps = deps
  }

  get current(): ProxyConfig {
    return this.#current
  }

  /** What is wrong with the settings that were read last; `undefined` when they hold. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Reads the settings again. What is wrong is reported and changes nothing; what is fixed stays and is said to. */
  reload(): void {
    const { log, read } = this.#deps
    try {
      const next = read()
      const needRestart = fixed.filter((name) => JSON.stringify(next[name]) !== JSON.stringify(this.#current[name]))
      if (needRestart.length > 0) log.warn({ settings: needRestart }, 'these settings take effect after a restart')
      const kept = Object.fromEntries(fixed.map((name) => [name, this.#current[name]]))
      this.#current = { ...next, ...kept }
      this.#problem = undefined
      setLogLevel(log, next.logLevel)
      log.info('settings read again')
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : ['unexpected error']
      this.#problem = `the changed settings cannot be used, the old ones stay: ${problems.join('; ')}`
      log.error({ problems }, 'settings cannot be used, the old ones stay')
    }
  }
}
