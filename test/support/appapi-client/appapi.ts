import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { NextcloudStandIn } from '../nextcloud.ts'
import { checkDaemon } from './check-daemon.ts'
import { type Daemon, controlUrl } from './daemon.ts'
import { deploy, untilHealthy } from './deploy.ts'
import { type ContainerWish, DockerCalls } from './docker-calls.ts'
import { AppApiFailure } from './errors.ts'
import { ExAppCalls, hostOf } from './exapp-calls.ts'
import type { ExAppRow, InstallOptions, Manifest } from './exapp-row.ts'
import { Guzzle } from './guzzle.ts'
import { type AppApiVersion, behaviourOf } from './version.ts'

export interface AppApiOptions {
  readonly version: AppApiVersion
  readonly nextcloud: NextcloudStandIn
  readonly daemon: Daemon
  /** What Nextcloud trusts; pushed into containers. */
  readonly certificates?: string | null
  /** A setting of AppAPI. */
  readonly restartPolicy?: ContainerWish['restart_policy']
  /** AppAPI pauses a second between tries; tests need not. */
  readonly paceMs?: number
}

/** AppAPI gives up on an ExApp's heartbeat after so many tries. */
const HEARTBEAT_TRIES = 600

const FIRST_PORT = 23_000

/** Nextcloud's AppAPI as a client of one Docker daemon: a method per `occ` command, each failing where AppAPI does. */
export class AppApi {
  readonly calls: DockerCalls
  readonly exapp: ExAppCalls
  /** What AppAPI would only have logged. */
  readonly notes: string[] = []
  readonly #options: Required<AppApiOptions>
  readonly #guzzle = new Guzzle()
  readonly #rows = new Map<string, ExAppRow>()
  readonly #enabledByInit = new Set<string>()

  constructor(options: AppApiOptions) {
    this.#options = { certificates: null, restartPolicy: 'unless-stopped', paceMs: 100, ...options }
    const { daemon, version, nextcloud } = this.#options
    this.calls = new DockerCalls({ daemon, guzzle: this.#guzzle, dockerApi: behaviourOf(version).dockerApi })
    this.exapp = new ExAppCalls({ daemon, guzzle: this.#guzzle, version })
    nextcloud.onInitProgress((appId, { progress, error }) => this.#initProgress(appId, progress, error))
  }

  /** @throws AppApiFailure when there is no such ExApp */
  row(appId: string): ExAppRow {
    const row = this.#rows.get(appId)
    if (!row) throw new AppApiFailure(`${appId} is not installed`)
    return row
  }

  isInstalled(appId: string): boolean {
    return this.#rows.has(appId)
  }

  /** What the settings page and the setup checks ask. @throws AppApiFailure */
  checkConnection(): Promise<void> {
    const { daemon, version } = this.#options
    return checkDaemon({ daemon, calls: this.calls, guzzle: this.#guzzle, checksVersion: behaviourOf(version).checksDaemonVersion })
  }

  /** `app:register --wait-finish`: a failed deployment drops the row, a failed heartbeat does not. */
  async register(manifest: Manifest, options: InstallOptions = {}): Promise<void> {
    const { appId } = manifest
    if (this.#rows.has(appId)) throw new AppApiFailure(`${appId} is already installed`)
    const row: ExAppRow = {
      manifest,
      options,
      port: this.#freePort(),
      secret: randomBytes(96).toString('base64'), // 128 characters
      enabled: false,
      status: { deploy: 0, init: 0, error: '' },
    }
    this.#rows.set(appId, row)
    this.#tellNextcloud(row)
    try {
      await deploy(row, this.#deployOptions())
    } catch (error) {
      this.#rows.delete(appId)
      this.#options.nextcloud.removeExApp(appId)
      throw error
    }
    await this.#begin(row, 'register')
  }

  /** `app:update`: the same port, secret and options, and whatever is in the volume. */
  async update(manifest: Manifest): Promise<void> {
    const row = this.row(manifest.appId)
    if (row.manifest.version === manifest.version) return
    if (row.enabled) await this.disable(manifest.appId).catch((error: unknown) => this.#note(error))
    row.manifest = manifest
    Object.assign(row.status, { init: 0, error: '' })
    this.#tellNextcloud(row)
    await deploy(row, this.#deployOptions())
    await this.#begin(row, 'update')
  }

  /** `app:enable`. */
  async enable(appId: string): Promise<void> {
    await this.#enable(this.row(appId), 'routes')
  }

  /** `app:disable`: the container stops whatever the ExApp says, the record is taken back only when it agreed. */
  async disable(appId: string): Promise<void> {
    const row = this.row(appId)
    const refused = await this.exapp.enabled(row, false).then(() => undefined, (error: unknown) => error)
    await this.calls.stop(appId).catch((error: unknown) => this.#note(error))
    row.enabled = false
    if (refused !== undefined) throw refused
    await this.#storage('DELETE', row).catch((error: unknown) => this.#note(error))
  }

  /** `app:unregister [--rm-data] [--force]`. */
  async unregister(appId: string, { removeData = false, force = false } = {}): Promise<void> {
    const row = this.row(appId)
    const tolerate = (error: unknown): void => {
      if (!force) throw error
      this.#note(error)
    }
    if (row.enabled) await this.disable(appId).catch(tolerate)
    await this.#removeContainer(appId, removeData).catch(tolerate)
    this.#rows.delete(appId)
    this.#options.nextcloud.removeExApp(appId)
  }

  /** What is in the way when the daemon itself is deleted in the settings: everything goes, data too. */
  async removeAll(): Promise<void> {
    for (const appId of this.#rows.keys()) await this.unregister(appId, { removeData: true, force: true })
  }

  close(): void {
    this.#guzzle.close()
  }

  /** From the heartbeat on (AppAPI contract §6.1); settles when the ExApp is enabled. */
  async #begin(row: ExAppRow, action: 'register' | 'update'): Promise<void> {
    await this.#untilAlive(row)
    row.enabled = true
    if ((await this.exapp.init(row)) === 'no init step') {
      row.status.init = 100
      // After an update without an init step AppAPI pushes an empty route list (its contract §13).
      await this.#enable(row, action === 'update' ? 'no routes' : 'routes')
      return
    }
    await this.#untilEnabled(row)
  }

  async #enable(row: ExAppRow, routes: 'routes' | 'no routes'): Promise<void> {
    const { appId } = row.manifest
    await this.calls.start(appId).catch((error: unknown) => this.#note(error)) // its result is ignored
    await this.calls.waitForStart(appId)
    await untilHealthy(row, { calls: this.calls, paceMs: this.#options.paceMs })
    await this.#untilAlive(row)
    await this.exapp.enabled(row, true)
    row.enabled = true
    await this.#storage('POST', row, routes).catch((error: unknown) => this.#note(error))
  }

  /** The ExApp says 100: it is enabled before it gets its answer. */
  async #initProgress(appId: string, progress: number, error: string): Promise<void> {
    const row = this.row(appId)
    row.status.init = progress
    row.status.error = error
    if (progress !== 100 || error !== '') return
    await this.#enable(row, 'routes').catch((failure: unknown) => {
      row.status.error = failure instanceof Error ? failure.message : String(failure)
      throw failure
    })
    this.#enabledByInit.add(appId)
  }

  async #untilEnabled({ manifest: { appId }, status }: ExAppRow): Promise<void> {
    this.#enabledByInit.delete(appId)
    while (!this.#enabledByInit.has(appId)) {
      if (status.error !== '') throw new AppApiFailure(status.error)
      await delay(this.#options.paceMs)
    }
  }

  async #untilAlive(row: ExAppRow): Promise<void> {
    for (let tries = 0; tries < HEARTBEAT_TRIES; tries += 1) {
      if (await this.exapp.heartbeat(row)) return
      await delay(this.#options.paceMs)
    }
    throw new AppApiFailure(`${row.manifest.appId} has no heartbeat`)
  }

  /** What the daemon should know without asking (AppAPI contract §5). */
  async #storage(method: 'POST' | 'DELETE', row: ExAppRow, routes: 'routes' | 'no routes' = 'routes'): Promise<void> {
    const { daemon } = this.#options
    const meta = this.#options.nextcloud.exAppMeta(row.manifest.appId)
    await this.#guzzle.call({
      method,
      url: `${controlUrl(daemon)}/exapp_storage/${row.manifest.appId}`,
      headers: { 'harp-shared-key': daemon.sharedKey },
      ...(method === 'POST' ? { body: { ...meta, ...(routes === 'no routes' ? { routes: [] } : {}) } } : {}),
    })
  }

  async #removeContainer(appId: string, removeData: boolean): Promise<void> {
    const { exists } = await this.calls.exists(appId)
    if (!exists) throw new AppApiFailure(`there is no container of ${appId}`)
    await this.calls.remove(appId, removeData)
  }

  #tellNextcloud({ manifest, port, secret }: ExAppRow): void {
    const { daemon, nextcloud } = this.#options
    const { appId, version, routes = [], page } = manifest
    nextcloud.addExApp({ appId, port, host: hostOf(daemon, appId), exapp_token: secret, exapp_version: version, routes, ...(page === undefined ? {} : { page }) })
  }

  #deployOptions() {
    const { daemon, version, certificates, restartPolicy, paceMs } = this.#options
    return { calls: this.calls, daemon, version, certificates, restartPolicy, paceMs, note: (note: string) => void this.notes.push(note) }
  }

  #freePort(): number {
    const taken = new Set([...this.#rows.values()].map(({ port }) => port))
    let port = FIRST_PORT
    while (taken.has(port)) port += 1
    return port
  }

  #note(error: unknown): void {
    this.notes.push(error instanceof Error ? error.message : String(error))
  }
}
