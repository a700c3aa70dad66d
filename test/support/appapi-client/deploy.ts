import { setTimeout as delay } from 'node:timers/promises'
import type { Daemon } from './daemon.ts'
import type { ContainerWish, DockerCalls } from './docker-calls.ts'
import { environmentOf } from './environment.ts'
import { AppApiFailure } from './errors.ts'
import type { ExAppRow } from './exapp-row.ts'
import { type AppApiVersion, behaviourOf } from './version.ts'

/** What a deployment needs to know. */
export interface DeployOptions {
  readonly calls: DockerCalls
  readonly daemon: Daemon
  readonly version: AppApiVersion
  /** Nextcloud's whole bundle of certificate authorities. */
  readonly certificates: string | null
  readonly restartPolicy: ContainerWish['restart_policy']
  readonly paceMs: number
  /** What AppAPI only logs. */
  readonly note: (note: string) => void
}

/** AppAPI asks this often before it calls a container unhealthy. */
const HEALTH_TRIES = 900

/** Register and update take these steps (AppAPI contract §3.2). @throws AppApiFailure */
export async function deploy(row: ExAppRow, options: DeployOptions): Promise<void> {
  const { calls, daemon, version, restartPolicy } = options
  const { appId } = row.manifest
  row.status.deploy = 0
  const image = await obtainImage(row, options)
  row.status.deploy = 94

  const { exists } = await calls.exists(appId)
  if (exists) await calls.remove(appId, false)
  row.status.deploy = 96

  const limits = daemon.resourceLimits
  await calls.create(appId, {
    image_id: image,
    network_mode: daemon.net,
    environment_variables: environmentOf(row, daemon, version),
    restart_policy: restartPolicy,
    compute_device: daemon.computeDevice,
    mount_points: row.options.mounts ?? [],
    ...(behaviourOf(version).sendsResourceLimits && limits !== undefined && Object.keys(limits).length > 0 ? { resource_limits: limits } : {}),
  })
  row.status.deploy = 97

  await installCertificates(row, options)
  row.status.deploy = 98

  if ((await calls.start(appId)) === 'already running') throw new AppApiFailure('the container runs before it was started')
  row.status.deploy = 99
  await calls.waitForStart(appId)
  await untilHealthy(row, options)
  row.status.deploy = 100
}

/** D11 until it says something (AppAPI contract §3.1). @throws AppApiFailure when it is unhealthy */
export async function untilHealthy({ manifest }: ExAppRow, { calls, paceMs }: Pick<DeployOptions, 'calls' | 'paceMs'>): Promise<void> {
  for (let tries = 0; tries < HEALTH_TRIES; tries += 1) {
    const health = await calls.health(manifest.appId)
    if (health === 'healthy') return
    if (health === 'unhealthy') throw new AppApiFailure('the container is unhealthy')
    await delay(paceMs)
  }
  throw new AppApiFailure('the container did not become healthy')
}

/** The suffix of the compute device comes first, even `-cpu`, which hardly any image has. */
async function obtainImage({ manifest, status }: ExAppRow, { calls, daemon, note }: DeployOptions): Promise<string> {
  const { registry = 'docker.io', name, tag = 'latest' } = manifest.image
  const mapped = daemon.registries?.find(({ from }) => from === registry)?.to ?? registry
  const plain = `${mapped === 'local' ? registry : mapped}/${name}:${tag}`
  const candidates = [`${plain}-${daemon.computeDevice}`, plain]
  if (mapped === 'local') {
    for (const candidate of candidates) if (await calls.imageExists(candidate)) return candidate
    return plain
  }
  let lastError: unknown
  for (const candidate of candidates) {
    try {
      const { progress } = await calls.pull(candidate)
      status.deploy = progress.at(-1) ?? 0
      return candidate
    } catch (error) {
      if (!(error instanceof AppApiFailure)) throw error
      note(error.message)
      lastError = error
    }
  }
  throw new AppApiFailure(`no image: ${lastError instanceof Error ? lastError.message : ''}`, { cause: lastError })
}

async function installCertificates({ manifest }: ExAppRow, { calls, daemon, certificates, note }: DeployOptions): Promise<void> {
  try {
    await calls.installCertificates(manifest.appId, certificates, !daemon.harp.exAppDirect)
  } catch (error) {
    if (!(error instanceof AppApiFailure)) throw error
    note(error.message) // AppAPI goes on without them
  }
}
