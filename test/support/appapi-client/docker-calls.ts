import { z } from 'zod'
import { controlUrl, type Daemon, dockerHeaders } from './daemon.ts'
import { AppApiFailure } from './errors.ts'
import { dockerLog } from './docker-log.ts'
import type { Guzzle, GuzzleAnswer } from './guzzle.ts'
import { type Pull, pullImage } from './pull.ts'

/** What D5 sends besides the name (AppAPI contract §3.1). */
export interface ContainerWish {
  readonly image_id: string
  readonly network_mode: string
  readonly environment_variables: readonly string[]
  readonly restart_policy: 'no' | 'always' | 'unless-stopped'
  readonly compute_device: 'cpu' | 'cuda' | 'rocm'
  readonly mount_points: readonly { readonly source: string; readonly target: string; readonly mode: string }[]
  readonly resource_limits?: { readonly memory?: number; readonly nanoCPUs?: number }
}

/** Where the calls go, and how they look there. */
export interface DockerCallsOptions {
  readonly daemon: Daemon
  readonly guzzle: Guzzle
  /** The API version before raw Docker paths, such as `v1.44`. */
  readonly dockerApi: string
}

const existsSchema = z.object({ exists: z.boolean(), image_ref: z.string().optional() })
const createdSchema = z.object({ id: z.string(), name: z.string() })
const startedSchema = z.object({ started: z.boolean(), status: z.string().nullish(), health: z.string().nullish(), reason: z.string().nullish() })
const removedImageSchema = z.object({ deleted: z.boolean(), bytes_freed: z.number().optional(), reason: z.string().optional() })

/** What D8 says about a container. */
export type Started = z.infer<typeof startedSchema>

/** AppAPI's calls for one daemon, D1 to D12 of its contract §3.1; each throws where AppAPI would fail. */
export class DockerCalls {
  readonly #options: DockerCallsOptions

  constructor(options: DockerCallsOptions) {
    this.#options = options
  }

  /** D1. */
  async ping(): Promise<void> {
    const { status } = await this.#raw('/_ping', 3_000)
    if (status !== 200) throw new AppApiFailure(`_ping answered ${status}`)
  }

  /** D2: progress from 0 to 94. */
  async pull(reference: string): Promise<Pull> {
    const { daemon, dockerApi } = this.#options
    return pullImage(`${controlUrl(daemon)}/${dockerApi}/images/create?fromImage=${encodeURIComponent(reference)}`, dockerHeaders(daemon))
  }

  /** D3; any error means that there is none. */
  async imageExists(reference: string): Promise<boolean> {
    return this.#raw(`/images/${reference}/json`).then(({ status }) => status === 200, () => false)
  }

  /** D4. */
  async exists(appId: string, timeoutMs?: number): Promise<z.infer<typeof existsSchema>> {
    const answer = await this.#exapp('exists', name(appId), timeoutMs)
    if (answer.status !== 200) throw new AppApiFailure(`exists answered ${answer.status}`)
    return read('exists', existsSchema, answer)
  }

  /** D5. */
  async create(appId: string, wish: ContainerWish): Promise<z.infer<typeof createdSchema>> {
    const answer = await this.#exapp('create', { ...name(appId), ...wish, start_container: true })
    if (answer.status !== 201) throw new AppApiFailure(`create answered ${answer.status}`)
    return read('create', createdSchema, answer)
  }

  /** D6; its caller ignores a failure. */
  async installCertificates(appId: string, bundle: string | null, withFrp: boolean): Promise<void> {
    const answer = await this.#exapp('install_certificates', { ...name(appId), system_certs_bundle: bundle, install_frp_certs: withFrp }, 180_000)
    if (answer.status !== 204) throw new AppApiFailure(`install_certificates answered ${answer.status}`)
  }

  /** D7: whether it was running already, which is fatal while deploying. */
  async start(appId: string): Promise<'started' | 'already running'> {
    const { status } = await this.#exapp('start', name(appId))
    if (status === 204) return 'started'
    if (status === 200) return 'already running'
    throw new AppApiFailure(`start answered ${status}`)
  }

  /** D8. @throws AppApiFailure when the container did not start */
  async waitForStart(appId: string): Promise<Started> {
    const answer = await this.#exapp('wait_for_start', name(appId), 150_000)
    if (answer.status !== 200) throw new AppApiFailure(`wait_for_start answered ${answer.status}`)
    const started = read('wait_for_start', startedSchema, answer)
    if (!started.started) throw new AppApiFailure(`the container did not start: ${started.status}, ${started.health}, ${started.reason}`)
    return started
  }

  /** D9. */
  async stop(appId: string): Promise<'stopped' | 'already stopped'> {
    const { status } = await this.#exapp('stop', name(appId))
    if (status === 204) return 'stopped'
    if (status === 200) return 'already stopped'
    throw new AppApiFailure(`stop answered ${status}`)
  }

  /** D10. */
  async remove(appId: string, removeData: boolean): Promise<void> {
    const { status } = await this.#exapp('remove', { ...name(appId), remove_data: removeData })
    if (status !== 204) throw new AppApiFailure(`remove answered ${status}`)
  }

  /** D11, once: any HTTP error and anything that says nothing about health counts as healthy. */
  async health(appId: string): Promise<'healthy' | 'unhealthy' | 'unknown yet'> {
    const answer = await this.#raw(`/containers/nc_app_${appId}/json`).catch(() => undefined)
    if (answer === undefined) return 'healthy'
    const inspected = z.object({ State: z.object({ Health: z.object({ Status: z.string().optional() }).nullish() }).optional() })
    const status = inspected.safeParse(parsed(answer.text)).data?.State?.Health?.Status ?? ''
    if (status === '' || status === 'healthy') return 'healthy'
    return status === 'unhealthy' ? 'unhealthy' : 'unknown yet'
  }

  /** D12: what the container printed. */
  async logs(appId: string, tail: number | 'all' = 'all'): Promise<string> {
    return dockerLog((await this.#raw(`/containers/nc_app_${appId}/logs?stdout=true&stderr=true&tail=${tail}`)).body)
  }

  /** Of no release yet (AppAPI contract §12), but the daemon serves it. */
  async removeImage(reference: string): Promise<z.infer<typeof removedImageSchema>> {
    const answer = await this.#exapp('image_remove', { image_ref: reference }, 90_000)
    return read('image_remove', removedImageSchema, answer)
  }

  #raw(path: string, timeoutMs?: number): Promise<GuzzleAnswer> {
    const { daemon, guzzle, dockerApi } = this.#options
    const url = `${controlUrl(daemon)}/${dockerApi}${path}`
    return guzzle.call({ method: 'GET', url, headers: dockerHeaders(daemon), ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  }

  #exapp(endpoint: string, body: object, timeoutMs?: number): Promise<GuzzleAnswer> {
    const { daemon, guzzle } = this.#options
    const url = `${controlUrl(daemon)}/docker/exapp/${endpoint}`
    return guzzle.call({ method: 'POST', url, headers: dockerHeaders(daemon), body, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  }
}

const name = (appId: string) => ({ name: appId, instance_id: '' })

/** AppAPI compares types too: `"true"` or 1 is no truth to it. */
function read<T extends z.ZodType>(call: string, schema: T, { text }: GuzzleAnswer): z.infer<T> {
  const result = schema.safeParse(parsed(text))
  if (!result.success) throw new AppApiFailure(`${call} answered something else: ${text.slice(0, 120)}`, { cause: result.error })
  return result.data
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
