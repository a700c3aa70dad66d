import { LRUCache } from 'lru-cache'
import type { EngineState } from '../status.ts'
import { isEnginePort } from '../tunnel/engine-list.ts'
import type { TunnelRegistry } from '../tunnel/registry.ts'
import type { Engines } from './engines.ts'

/** An engine is asked again after this long; in between the last answer holds. */
const FRESH_MS = 15_000

/** Engines that dial in are at most 99. */
const MAX_ENGINES = 128

interface Answer {
  readonly at: number
  readonly dockerVersion?: string
  readonly problem?: string
}

export interface EngineStatesDeps {
  readonly registry: TunnelRegistry
  readonly engines: Engines
  /** A clock in milliseconds that only goes forward. */
  readonly now: () => number
}

/** The engines that have dialled in, and whether they answer. They are asked behind the answer that is given: one may hang. */
export class EngineStates {
  readonly #deps: EngineStatesDeps
  /** By tunnel, since another one on the same port may be another engine's. */
  readonly #answers = new LRUCache<string, Answer>({ max: MAX_ENGINES })
  readonly #asking = new Set<string>()

  constructor(deps: EngineStatesDeps) {
    this.#deps = deps
  }

  list(): readonly EngineState[] {
    const tunnels = this.#deps.registry.list().filter(({ remotePort }) => isEnginePort(remotePort))
    return tunnels.map(({ proxyName, remotePort, clientAddress, clientVersion, connectedAt }) => {
      const key = `${remotePort} ${proxyName} ${connectedAt}`
      const answer = this.#answers.get(key)
      if (!answer || this.#deps.now() - answer.at >= FRESH_MS) void this.#ask(key, remotePort)
      return {
        name: proxyName,
        remotePort,
        clientAddress,
        frpcVersion: clientVersion,
        ...(answer?.dockerVersion !== undefined && { dockerVersion: answer.dockerVersion }),
        ...(answer?.problem !== undefined && { problem: answer.problem }),
      }
    })
  }

  async #ask(key: string, remotePort: number): Promise<void> {
    if (this.#asking.has(key)) return
    this.#asking.add(key)
    const { engines, now } = this.#deps
    try {
      const { versions } = await engines.find(String(remotePort))
      this.#answers.set(key, { at: now(), dockerVersion: versions.engine ?? `API ${versions.newest}` })
    } catch (error) {
      this.#answers.set(key, { at: now(), problem: error instanceof Error ? error.message : 'the engine does not answer' })
    } finally {
      this.#asking.delete(key)
    }
  }
}
