import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CallLog } from './nextcloud/call-log.ts'
import type { Call, Endpoint } from './nextcloud/call-log.ts'
import { echo, serveNotifications } from './nextcloud/echo.ts'
import { ExAppTable } from './nextcloud/exapp-table.ts'
import type { ExAppMeta, RegisteredExApp } from './nextcloud/exapp-table.ts'
import { Faults } from './nextcloud/faults.ts'
import type { Fault } from './nextcloud/faults.ts'
import { answerExAppMeta, answerUserInfo } from './nextcloud/harp-endpoints.ts'
import { answerInitProgress, type OnInitProgress } from './nextcloud/init-progress.ts'
import { serveLogin, serveLogout, serveStart, serveStatus } from './nextcloud/pages.ts'
import { answer, answerMaintenance, pathOf } from './nextcloud/reply.ts'
import { Users } from './nextcloud/users.ts'
import type { User } from './nextcloud/users.ts'

/** A running stand-in for Nextcloud with AppAPI, and the knobs a test turns. */
export interface NextcloudStandIn {
  /** Base URL without a trailing slash. */
  readonly url: string
  /** The newest calls, oldest first; bounded, see `count` for totals. */
  readonly calls: readonly Call[]
  /** How many calls an endpoint got since the start, or since `clearCalls`. */
  count(endpoint: Endpoint): number
  clearCalls(): void
  /** Failed attempts that Nextcloud's throttling would have counted against the caller (AppAPI contract §8.3). */
  readonly throttledAttempts: number
  addExApp(exapp: RegisteredExApp): void
  removeExApp(appId: string): void
  /** What `exapp-meta` says about an ExApp. */
  exAppMeta(appId: string): ExAppMeta | undefined
  /** Called with what ExApps report of their init step, before they get their answer. */
  onInitProgress(listener: OnInitProgress): void
  addUser(user: User): void
  /** Makes `oc_sessionPassphrase=<cookieValue>` a session of that user, who need not exist. */
  setSession(cookieValue: string, userId: string): void
  endSession(cookieValue: string): void
  setMaintenance(on: boolean): void
  setSharedKey(key: string): void
  /** Makes an endpoint misbehave until `clearFaults`, or for `times` calls. */
  setFault(endpoint: Endpoint, fault: Fault, times?: number): void
  clearFaults(): void
  close(): Promise<void>
}

/** What the stand-in starts with. */
export interface NextcloudOptions {
  readonly sharedKey: string
  readonly port?: number
  /** Loopback when left out. */
  readonly host?: string
}

/** The two users that everybody can log in as; each one's password is the name. */
export const users: readonly User[] = [
  { id: 'user', password: 'user' },
  { id: 'admin', password: 'admin', admin: true },
]

const harpRoot = '/index.php/apps/app_api/harp/'
const initProgressPath = '/ocs/v1.php/apps/app_api/ex-app/status'

/** These stay open in maintenance mode (AppAPI contract §11, 21). */
const openInMaintenance: ReadonlySet<Endpoint> = new Set(['exapp-meta', 'ex-app-status', 'status'])

/** Starts a small server on loopback that plays Nextcloud as AppAPI contract §8 and a browser see it. */
export async function startNextcloud(options: NextcloudOptions): Promise<NextcloudStandIn> {
  const log = new CallLog()
  const faults = new Faults()
  const exapps = new ExAppTable()
  const people = new Users(users)
  let sharedKey = options.sharedKey
  let maintenance = false
  let throttledAttempts = 0
  let onInitProgress: OnInitProgress = async () => {}

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const endpoint = endpointOf(request)
    log.record(endpoint, request)
    if (await faults.apply(endpoint, response)) return
    if (maintenance && !openInMaintenance.has(endpoint)) return answerMaintenance(response)

    switch (endpoint) {
      case 'exapp-meta':
        throttledAttempts += answerExAppMeta(request, response, { sharedKey, exapps })
        return
      case 'user-info':
        throttledAttempts += answerUserInfo(request, response, { sharedKey, exapps, users: people })
        return
      case 'ex-app-status':
        return answerInitProgress(request, response, { exapps, onInitProgress })
      case 'login':
        return serveLogin(request, response, people)
      case 'logout':
        return serveLogout(request, response, people)
      case 'status':
        return serveStatus(response, maintenance)
      case 'start':
        return serveStart(request, response, people, exapps)
      case 'echo':
        return echo(request, response)
      case 'other':
        return answer(response, 404, 'text/html; charset=UTF-8', '<!DOCTYPE html><p>Page not found</p>\n')
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  const notifications = serveNotifications(server, (request) => log.record('echo', request))
  const { host = '127.0.0.1' } = options
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://${host}:${port}`,
    get calls() {
      return log.calls
    },
    count: (endpoint) => log.count(endpoint),
    clearCalls: () => log.clear(),
    get throttledAttempts() {
      return throttledAttempts
    },
    addExApp: (exapp) => exapps.add(exapp),
    removeExApp: (appId) => exapps.remove(appId),
    exAppMeta: (appId) => exapps.metaOf(appId),
    onInitProgress: (listener) => {
      onInitProgress = listener
    },
    addUser: (user) => people.add(user),
    setSession: (cookieValue, userId) => people.openSession(cookieValue, userId),
    endSession: (cookieValue) => people.closeSession(cookieValue),
    setMaintenance: (on) => {
      maintenance = on
    },
    setSharedKey: (key) => {
      sharedKey = key
    },
    setFault: (endpoint, fault, times) => faults.set(endpoint, fault, times),
    clearFaults: () => faults.clear(),
    close: async () => {
      faults.stop()
      notifications.close()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function endpointOf(request: IncomingMessage): Endpoint {
  const path = pathOf(request)
  if (path === `${harpRoot}exapp-meta`) return 'exapp-meta'
  if (path === `${harpRoot}user-info`) return 'user-info'
  if (path === initProgressPath) return 'ex-app-status'
  if (path === '/status.php') return 'status'
  if (path === '/echo' || path.startsWith('/echo/')) return 'echo'
  switch (path.replace(/^\/index\.php(?=\/|$)/, '') || '/') {
    case '/login':
      return 'login'
    case '/logout':
      return 'logout'
    case '/':
    case '/apps/dashboard/':
      return 'start'
    default:
      return 'other'
  }
}
