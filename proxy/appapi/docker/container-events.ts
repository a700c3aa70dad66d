import type { Readable } from 'node:stream'
import { z } from 'zod'
import type { EngineClient } from './engine-client.ts'

/** Until the engine says that it will tell; without it we look often instead. */
const openLimitMs = 2_000

/** One event takes some kilobytes: all labels of the container are in it. */
const maxLineLength = 256 * 1024

/** Health checks and other programs that are run inside a container come with an event each time. */
const telling = /^(?:start|restart|die|died|stop|kill|oom|pause|unpause|destroy|remove|rename|health_status)/

/** Docker has both, Podman the latter, newer engines the former. */
const eventSchema = z.object({ Action: z.string().optional(), status: z.string().optional() })

/** What happens to one container, as a bell: what has happened is for a look at the container to tell. */
export interface ContainerEvents {
  /** Whether it still rings. */
  readonly isLive: boolean
  /** Resolves with the next event that may change a container's state, at once when one came since the last call, or with the end. */
  next(): Promise<void>
  close(): void
}

/** Listens to the engine. Where that does not work there are no events, and no error: nothing depends on them. */
export async function listen(engine: EngineClient, container: string): Promise<ContainerEvents> {
  const filters = JSON.stringify({ type: ['container'], container: [container] })
  try {
    const { status, body } = await engine.open({ method: 'GET', path: '/events', query: { filters }, limitMs: openLimitMs })
    if (status === 200) return new Bell(body)
    body.destroy()
  } catch {
    // the look at the container that comes next meets the same failure, and tells it
  }
  return silent
}

const silent: ContainerEvents = { isLive: false, next: () => new Promise(() => {}), close: () => {} }

class Bell implements ContainerEvents {
  readonly #stream: Readable
  #rest = ''
  #isLive = true
  /** It rang while nobody listened. */
  #hasRung = false
  #listener: (() => void) | undefined

  constructor(stream: Readable) {
    this.#stream = stream
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => this.#read(text)).on('close', () => this.#end())
  }

  get isLive(): boolean {
    return this.#isLive
  }

  next(): Promise<void> {
    if (this.#hasRung || !this.#isLive) {
      this.#hasRung = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#listener = resolve
    })
  }

  close(): void {
    this.#stream.destroy()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > maxLineLength) this.#stream.destroy()
    if (lines.some((line) => line.trim() !== '' && mayChangeState(line))) this.#ring()
  }

  #end(): void {
    this.#isLive = false
    this.#ring()
  }

  #ring(): void {
    this.#hasRung = this.#listener === undefined
    this.#listener?.()
    this.#listener = undefined
  }
}

/** What cannot be read counts: a look too many does no harm. */
function mayChangeState(line: string): boolean {
  try {
    const event = eventSchema.safeParse(JSON.parse(line))
    const action = event.data?.Action ?? event.data?.status
    return action === undefined || telling.test(action)
  } catch {
    return true
  }
}
