import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type EngineCallSeen, type EngineFault, type EngineProxy, type FaultRule, startEngineProxy } from '../support/engine-proxy.ts'
import type { EngineAnswer } from './engine-call.ts'
import { EngineStage } from './engine-stage.ts'
import { type Endpoint, exAppCall } from './exapp-call.ts'
import { type EngineForLife, engineForLife } from './life-stage.ts'

/** One endpoint in a state of the engine in which it has something to do. */
export interface Scene {
  readonly title: string
  readonly endpoint: Endpoint
  /** Calls that make the state, before anything breaks. */
  readonly before: readonly Endpoint[]
  readonly image: 'alpine-like' | 'no-shell'
  readonly fields?: object
  /** What the call answers when nothing breaks, and when it is made again after it broke. */
  readonly succeeds: readonly number[]
  /** The container's state afterwards; `undefined`: there is none. */
  readonly leaves: string | undefined
  /** Calls whose failure only costs something that the answer does not tell. */
  readonly dispensable?: RegExp
  /** How often a call is made depends on the time: only the first of each is broken. */
  readonly looksAgain?: boolean
}

/** Two authorities: enough to be split and taken over. */
const bundle = readFileSync(path.join(import.meta.dirname, '../support/exapp-image/authorities.pem'), 'utf8')

export const scenes: readonly Scene[] = [
  { title: 'exists', endpoint: 'exists', before: ['create'], image: 'no-shell', succeeds: [200], leaves: 'created' },
  { title: 'create', endpoint: 'create', before: [], image: 'no-shell', succeeds: [201], leaves: 'created' },
  { title: 'start', endpoint: 'start', before: ['create'], image: 'no-shell', succeeds: [204], leaves: 'running' },
  { title: 'stop', endpoint: 'stop', before: ['create', 'start'], image: 'no-shell', succeeds: [204, 200], leaves: 'exited' },
  { title: 'wait_for_start', endpoint: 'wait_for_start', before: ['create', 'start'], image: 'no-shell', succeeds: [200], leaves: 'running', dispensable: /^GET \/events/, looksAgain: true },
  { title: 'remove', endpoint: 'remove', before: ['create', 'start'], image: 'no-shell', fields: { remove_data: true }, succeeds: [204], leaves: undefined },
  {
    title: 'image_remove',
    endpoint: 'image_remove',
    before: [],
    image: 'no-shell',
    succeeds: [200],
    leaves: undefined,
    dispensable: /^GET \/images\//, // the size is only shown
  },
  {
    title: 'install_certificates with a trust command',
    endpoint: 'install_certificates',
    before: ['create'],
    image: 'alpine-like',
    fields: { system_certs_bundle: bundle, install_frp_certs: true },
    succeeds: [204],
    leaves: 'exited',
    dispensable: /\/exec|\/stop$/, // AppAPI goes on without, and the log says so
  },
  {
    title: 'install_certificates without a shell',
    endpoint: 'install_certificates',
    before: ['create'],
    image: 'no-shell',
    fields: { system_certs_bundle: bundle, install_frp_certs: true },
    succeeds: [204],
    leaves: 'created',
  },
]

/** An engine, and tunnel certificates for all stages before it: making them takes seconds. */
export interface EngineForFaults extends EngineForLife {
  readonly certificates: string
}

/** For `describeWithPeer`. */
export const engineForFaults = {
  name: engineForLife.name,
  ensure: async (): Promise<EngineForFaults & { readonly first: EngineStage }> => {
    const on = await engineForLife.ensure()
    const first = await EngineStage.set({ tls: true })
    return { ...on, first, certificates: first.plane.certificates }
  },
  stop: async ({ first, ...on }: EngineForFaults & { readonly first: EngineStage }): Promise<void> => {
    await first[Symbol.asyncDispose]()
    await engineForLife.stop(on)
  },
}

/** The calls that each scene's endpoint makes when nothing breaks; watched once. */
export class UndisturbedCalls {
  readonly #on: () => EngineForFaults
  readonly #known = new Map<Scene, Promise<readonly EngineCallSeen[]>>()

  constructor(on: () => EngineForFaults) {
    this.#on = on
  }

  /** @throws Error when the scene does not succeed */
  of(scene: Scene): Promise<readonly EngineCallSeen[]> {
    const known = this.#known.get(scene) ?? this.#watch(scene)
    this.#known.set(scene, known)
    return known
  }

  async #watch(scene: Scene): Promise<readonly EngineCallSeen[]> {
    await using exapp = await FaultyExApp.set(scene, this.#on(), `whole-${scenes.indexOf(scene)}`)
    const { status, text } = await exapp.call()
    if (!scene.succeeds.includes(status)) throw new Error(`${scene.title} answered ${status} although nothing broke: ${text}`)
    if (exapp.asked.length === 0) throw new Error(`${scene.title} asked the engine nothing`)
    return scene.looksAgain === true ? exapp.asked.filter((call, index, all) => all.findIndex(({ method, path }) => method === call.method && path === call.path) === index) : exapp.asked
  }
}

/** One ExApp on a stage of its own, with an engine that can break. */
export class FaultyExApp implements AsyncDisposable {
  readonly scene: Scene
  readonly proxy: EngineProxy
  readonly #stage: EngineStage
  readonly #on: EngineForFaults
  readonly #appId: string
  readonly #image: string

  private constructor({ scene, stage, proxy, on, appId, image }: { scene: Scene; stage: EngineStage; proxy: EngineProxy; on: EngineForFaults; appId: string; image: string }) {
    this.scene = scene
    this.#stage = stage
    this.proxy = proxy
    this.#on = on
    this.#appId = appId
    this.#image = image
  }

  /** Brings the engine into the scene's state. */
  static async set(scene: Scene, on: EngineForFaults, name: string): Promise<FaultyExApp> {
    const appId = on.run.appId(name)
    let image = await on.run.images.make(scene.image)
    if (scene.endpoint === 'image_remove') {
      await on.engine.docker(['tag', image, `${image}-${appId}`])
      image = `${image}-${appId}`
    }
    const environment = { HP_TIMEOUT_CONNECT: '10s', HARPOON_CERTS_DIR: on.certificates }
    const stage = await EngineStage.set({ localSocket: 'docker.sock', tls: true, environment })
    const proxy = await startEngineProxy(stage.socket('docker.sock'), on.engine.socketPath)
    stage.alsoClose(() => proxy.close())
    const exapp = new FaultyExApp({ scene, stage, proxy, on, appId, image })
    for (const endpoint of scene.before) {
      const { status, text } = await exapp.#call(endpoint)
      if (status >= 300) throw new Error(`${endpoint} answered ${status} before anything broke: ${text}`)
    }
    proxy.clearCalls()
    return exapp
  }

  call(): Promise<EngineAnswer> {
    return this.#call(this.scene.endpoint)
  }

  /** What the engine was asked, with this ExApp's names replaced so that another's fit. */
  get asked(): readonly EngineCallSeen[] {
    return this.proxy.calls.map((call) => ({ ...call, path: call.path.replaceAll(this.#appId, 'APP') }))
  }

  /** Breaks every call like the `index`th of `asked`, from that one on. */
  break(asked: readonly EngineCallSeen[], index: number, fault: EngineFault): void {
    const target = asked[index]
    if (!target) throw new Error(`no call ${index}`)
    const alike = asked.slice(0, index + 1).filter(({ method, path }) => method === target.method && shape(path) === shape(target.path))
    const rule: FaultRule = { method: target.method, path: new RegExp(`^${shape(target.path).replaceAll('APP', this.#appId)}$`), nth: alike.length, every: true, fault }
    this.proxy.break(rule)
  }

  async state(): Promise<string | undefined> {
    const format = ['inspect', '--format', '{{.State.Status}}', `nc_app_${this.#appId}`]
    return this.#on.engine.docker(format).then((text) => text.trim(), () => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]()
    await this.#on.engine.docker(['rm', '--force', '--volumes', `nc_app_${this.#appId}`]).catch(() => {}) // some scenes leave none
  }

  #call(endpoint: Endpoint): Promise<EngineAnswer> {
    const own = { name: this.#appId, instance_id: '', image_id: this.#image, image_ref: this.#image, network_mode: 'host' }
    const environment = ['APP_HOST=127.0.0.1', 'APP_PORT=0', `APP_ID=${this.#appId}`]
    return exAppCall(this.#stage, endpoint, { ...own, environment_variables: environment, ...(endpoint === this.scene.endpoint ? this.scene.fields : {}) })
  }
}

/** A path as a pattern: ids that the engine gives are new each time. */
function shape(path: string): string {
  return path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/[0-9a-f]{64}/g, '[0-9a-f]{64}')
}
