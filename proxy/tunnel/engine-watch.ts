import { Gauge, type Registry } from 'prom-client'
import type { EngineList } from './engine-list.ts'
import type { TunnelRegistry } from './registry.ts'

export interface EngineWatchOptions {
  readonly registry: TunnelRegistry
  readonly list: () => EngineList
  readonly register: Registry
}

/** Which of the listed engines are connected: a metric, and a word for the admin. */
export class EngineWatch {
  readonly #options: EngineWatchOptions

  constructor(options: EngineWatchOptions) {
    this.#options = options
    const connected = () => this.#connected()
    options.register.registerMetric(
      new Gauge({
        name: 'harpoon_engine_connected',
        help: 'Whether a listed Docker Engine is connected (1) or not (0)',
        labelNames: ['engine', 'port'],
        registers: [],
        collect() {
          this.reset() // the list may have changed
          for (const { name, port, isConnected } of connected()) this.set({ engine: name, port }, isConnected ? 1 : 0)
        },
      }),
    )
  }

  /** The listed engines that nobody serves now; `undefined` when there is none. */
  get problem(): string | undefined {
    const missing = this.#connected().filter(({ isConnected }) => !isConnected)
    return missing.length === 0 ? undefined : `not connected: ${missing.map(({ name, port }) => `${name} (${port})`).join(', ')}`
  }

  #connected(): { readonly name: string; readonly port: number; readonly isConnected: boolean }[] {
    const { registry, list } = this.#options
    return (list() ?? []).map(({ name, port }) => ({ name, port, isConnected: registry.get(port)?.proxyName === name }))
  }
}
