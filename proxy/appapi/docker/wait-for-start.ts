import { setTimeout as delay } from 'node:timers/promises'
import { type ContainerEvents, listen } from './container-events.ts'
import { statusText } from './engine-answer.ts'
import type { EngineClient } from './engine-client.ts'
import type { Endpoint, NamedBody } from './endpoint.ts'
import { EngineRefusalError, EngineTimeoutError } from './errors.ts'
import { type Inspected, inspect } from './inspect.ts'
import { lastWords } from './last-words.ts'
import { namesOf, namesSchema } from './names.ts'
import { judgeStart, type StartReport } from './start-verdict.ts'

/** HaRP gives up after 180 looks half a second apart, and calls it so (contract §6.4.2). */
const waitMs = 90_000
const waitedInVain = 'timeout after max tries'

/** For all looks together when the engine hangs in one; AppAPI itself waits 150 s (its contract §3.1). */
const overallMs = 105_000

/** Between two looks while the engine tells us no events, as HaRP. */
const blindLookMs = 500

/** Between two looks while it does: an event could still be lost. */
const listeningLookMs = 5_000

/** How long a container without a health check has to run: one that dies at once must not pass for started. */
const lastingMs = 1_000

export interface WaitLimits {
  readonly waitMs: number
  readonly overallMs: number
}

interface WaitDeps {
  readonly sharedKeys: () => readonly string[]
  readonly limits?: WaitLimits
}

/** `wait_for_start`: until the container runs, and is healthy where it can be (HaRP contract §6.4.2). */
export function waitForStartEndpoint(deps: WaitDeps): Endpoint<NamedBody> {
  return {
    name: 'wait_for_start',
    limitMs: overallMs,
    schema: namesSchema,
    run: async ({ engine, body, signal }) => {
      const { container } = namesOf(body)
      const events = await listen(engine, container)
      try {
        return { status: 200, body: await new Wait(engine, container, events, signal, deps).report() }
      } finally {
        events.close()
      }
    },
  }
}

class Wait {
  readonly #engine: EngineClient
  readonly #name: string
  readonly #events: ContainerEvents
  readonly #signal: AbortSignal
  readonly #sharedKeys: readonly string[]
  readonly #limits: WaitLimits
  readonly #startedAt = performance.now()
  #last: StartReport = { started: false, status: 'unknown', health: null }
  /** Since when we have seen this run of the container. */
  #run: { readonly startedAt: string; readonly since: number } | undefined

  constructor(engine: EngineClient, name: string, events: ContainerEvents, signal: AbortSignal, { sharedKeys, limits = { waitMs, overallMs } }: WaitDeps) {
    this.#engine = engine
    this.#name = name
    this.#events = events
    this.#signal = signal
    this.#sharedKeys = sharedKeys()
    this.#limits = limits
  }

  async report(): Promise<StartReport> {
    for (;;) {
      const look = await this.#look()
      if (look === 'timeout') return { ...this.#last, started: false, reason: 'overall timeout' }
      const { answer, container } = look
      if (answer.status === 404) return { started: false, status: 'not_found', reason: 'container not found' }
      if (!container) throw new EngineRefusalError(`Error inspecting container '${this.#name}': ${statusText(answer)}`)
      const { kind, report } = judgeStart(container)
      this.#last = report
      if (kind === 'known' || (kind === 'running' && this.#hasLasted(look))) return report
      if (kind === 'ended') return { ...report, reason: `${report.reason}${await this.#lastWords(look)}` }
      if (kind !== 'running') this.#run = undefined
      if (this.#leftMs() <= 0) return { ...report, started: false, reason: `${waitedInVain}${report.status === 'restarting' ? await this.#lastWords(look) : ''}` }
      await this.#pause(kind === 'running' ? lastingMs : this.#events.isLive ? listeningLookMs : blindLookMs)
    }
  }

  async #look(): Promise<Inspected | 'timeout'> {
    const limitMs = Math.max(1, Math.ceil(this.#limits.overallMs - (performance.now() - this.#startedAt)))
    try {
      return await inspect(this.#engine, this.#name, { limitMs, signal: this.#signal })
    } catch (error) {
      if (error instanceof EngineTimeoutError) return 'timeout'
      throw error
    }
  }

  /** By the engine's own clock where it gives the time, otherwise by how long we have watched this run. */
  #hasLasted({ answer, container }: Inspected): boolean {
    const startedAt = container?.State.StartedAt ?? ''
    const now = performance.now()
    const age = Date.parse(String(answer.headers['date'] ?? '')) - Date.parse(startedAt)
    if (this.#run?.startedAt !== startedAt) this.#run = { startedAt, since: now }
    return age >= lastingMs || now - this.#run.since >= lastingMs
  }

  #lastWords({ container }: Inspected): Promise<string> {
    return container ? lastWords({ engine: this.#engine, name: this.#name, container, sharedKeys: this.#sharedKeys }) : Promise.resolve('')
  }

  #leftMs(): number {
    return this.#limits.waitMs - (performance.now() - this.#startedAt)
  }

  /** Until the engine tells an event, at most so long. */
  async #pause(milliseconds: number): Promise<void> {
    const pause = new AbortController()
    const signal = AbortSignal.any([this.#signal, pause.signal])
    const timer = delay(Math.max(1, Math.min(milliseconds, Math.ceil(this.#leftMs()))), undefined, { signal }).catch(() => {}) // aborted: one of the others
    await Promise.race([timer, ...(this.#events.isLive ? [this.#events.next()] : [])])
    pause.abort()
    this.#signal.throwIfAborted()
  }
}
