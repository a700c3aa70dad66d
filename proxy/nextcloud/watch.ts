import { LRUCache } from 'lru-cache'
import type { Logger } from '../log.ts'
import type { NextcloudCall } from './client.ts'
import type { ExApp } from './exapp.ts'

/** Route problems that were reported already; each is said once, however often the record is fetched. */
const maxReported = 1_000

export interface NextcloudWatchDeps {
  readonly log: Logger
  readonly count: (call: NextcloudCall, outcome: string, seconds: number) => void
}

/** What the admin should know about Nextcloud's answers: says changes once, and holds what is wrong now. */
export class NextcloudWatch {
  readonly #deps: NextcloudWatchDeps
  readonly #reported = new LRUCache<string, true>({ max: maxReported })
  /** What is wrong now. By endpoint: in maintenance mode one answers and the other does not. */
  readonly #problems = new Map<NextcloudCall, string>()

  constructor(deps: NextcloudWatchDeps) {
    this.#deps = deps
  }

  /** What is wrong now, for people; `undefined` after good calls. */
  get problem(): string | undefined {
    return this.#problems.size === 0 ? undefined : [...this.#problems].map(([call, problem]) => `${problem} (last call: ${call})`).join('; ')
  }

  readonly observe = (call: NextcloudCall, outcome: string, milliseconds: number, problem?: string): void => {
    this.#deps.count(call, outcome, milliseconds / 1000)
    if (problem === undefined) {
      if (this.#problems.delete(call)) this.#deps.log.warn({ call }, 'Nextcloud answers again')
      return
    }
    if (!this.#problems.has(call)) this.#deps.log.warn({ call, outcome, reason: problem }, 'Nextcloud gives no usable answers')
    this.#problems.set(call, problem)
  }

  readonly onRecord = (exApp: ExApp): void => {
    const { log } = this.#deps
    if (log.isLevelEnabled('info')) log.info({ app: exApp.id, version: exApp.version, routes: exApp.routeCount, port: exApp.port }, 'ExApp record loaded')
    for (const { url, reason, effect } of exApp.routes.problems) {
      const key = `${exApp.id}\n${url}`
      if (this.#reported.has(key)) continue
      this.#reported.set(key, true)
      const meaning = effect === 'skipped' ? 'the route is ignored' : 'visitors whom it would refuse are refused, whether it matches or not'
      log.error({ app: exApp.id, route: url, reason }, `route pattern cannot be used: ${meaning}`)
    }
  }

  readonly onRefreshError = (appId: string, error: unknown): void => {
    this.#deps.log.warn({ app: appId, reason: error instanceof Error ? error.message : 'unknown' }, 'ExApp record could not be refreshed, the old one stays in use')
  }
}
