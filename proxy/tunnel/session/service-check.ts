import { setTimeout as delay } from 'node:timers/promises'
import { ServiceUnreachableError, TunnelUnresponsiveError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'

/** From 0.68.0 on, frpc closes a work connection whose unix socket it cannot open (frp wire protocol: version map). */
const FIRST_MINOR_THAT_CLOSES = 68

/**
 * How long frpc may take to open what it serves and to close it again: a live one needs a round trip, measured 1 to 10 ms on
 * loopback. One whose service is down never does.
 */
const CHECK_TIMEOUT_MS = 3000

/** Whether this frpc says nothing, and closes nothing, when nobody listens on the unix socket that it serves. */
export function leavesDeadServiceSilent(clientVersion: string): boolean {
  const [, major, minor] = /^(\d{1,5})\.(\d{1,5})\./.exec(clientVersion) ?? []
  return major === undefined || (Number(major) === 0 && Number(minor) < FIRST_MINOR_THAT_CLOSES)
}

export interface ServiceCheckOptions {
  readonly remotePort: number
  /** A work connection that has been started, for the check alone. */
  readonly open: () => Promise<FrpStream>
  /** Whether frpc itself is there: a frozen one is not to be taken for a dead service. */
  readonly isAlive: () => Promise<boolean>
}

export interface PassOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks an old frpc whether it reaches its service, each time before a work connection is entrusted with a request: a request
 * that nobody will ever answer looks like one that takes long, and once sent it cannot be cut for being silent.
 *
 * The check is a work connection that is started and ended without a byte. Where frpc has a service to close it ends the
 * connection as well, however busy that service is; where it has none it does not even look. Later checks would show nothing
 * about a request that runs: a service may take no more connections, because it stops or its queue is full, and still answer.
 * So one that dies, or whose queue fills up, within the millisecond between check and request is noticed by time-outs only.
 */
export class ServiceCheck {
  readonly #options: ServiceCheckOptions
  #running: Promise<void> | undefined
  /** Before that, a work connection is waited for. */
  #isAsked = false

  constructor(options: ServiceCheckOptions) {
    this.#options = options
  }

  /**
   * Resolves when frpc reaches its service. Who asks at the same time gets the same answer.
   * @throws ServiceUnreachableError, TunnelUnresponsiveError, what keeps a work connection from being had, or the signal's reason
   */
  async pass({ timeoutMs, signal }: PassOptions): Promise<void> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined
    })
    const stop = new AbortController()
    const late = delay(timeoutMs, undefined, { signal: AbortSignal.any(signal ? [signal, stop.signal] : [stop.signal]) }).then(() => {
      const missing = this.#isAsked ? 'did not show that it reaches its service' : 'opened no work connection'
      throw new TunnelUnresponsiveError(this.#options.remotePort, `frpc ${missing} within ${Math.round(timeoutMs)} ms`)
    })
    try {
      await Promise.race([this.#running, late])
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      stop.abort()
    }
  }

  async #ask(): Promise<void> {
    const { remotePort, open, isAlive } = this.#options
    this.#isAsked = false
    const stream = await open()
    this.#isAsked = true
    if (await endsAsWell(stream)) return
    throw (await isAlive()) ? new ServiceUnreachableError(remotePort) : new TunnelUnresponsiveError(remotePort, 'frpc says nothing at all')
  }
}

/** Ends a connection and says whether the other side does the same in time. */
async function endsAsWell(stream: FrpStream): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, CHECK_TIMEOUT_MS, false)
  // A connection that is cut says nothing about the service; whoever takes the next one learns why.
  stream.once('end', () => resolve(true)).once('close', () => resolve(true))
  stream.resume()
  if (stream.endNow) stream.endNow()
  else stream.end()
  const isEnded = await promise
  clearTimeout(timer)
  stream.destroy()
  return isEnded
}
