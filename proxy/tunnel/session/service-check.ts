import { setTimeout as delay } from 'node:timers/promises'
import { ServiceUnreachableError, TunnelUnresponsiveError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'

/** From 0.68.0 on, frpc closes a work connection whose unix socket it cannot open (frp wire protocol: version map). */
const FIRST_MINOR_THAT_CLOSES = 68

/**
 * How long frpc may take to end a connection, once it is known to have heard of that end: it opens what it serves and closes
 * it again, measured 1 to 10 ms. One whose service is down never does.
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
  /**
   * Whether frpc answers a question that is put to it now. Until it has, silence means nothing: on a slow line that is full
   * everything takes seconds, and a frozen frpc is not to be taken for a dead service.
   */
  readonly isAnswering: () => Promise<boolean>
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
   * Resolves when frpc reaches its service. Who asks at the same time gets the same answer, a bad one only after asking again.
   * @throws ServiceUnreachableError, TunnelUnresponsiveError, what keeps a work connection from being had, or the signal's reason
   */
  async pass({ timeoutMs, signal }: PassOptions): Promise<void> {
    const current = this.#running
    // What was asked before may have been true then: a service that has come up meanwhile is asked once more.
    const verdict = current ? current.catch((error: unknown) => (error instanceof ServiceUnreachableError ? this.#current() : Promise.reject(error))) : this.#current()
    const stop = new AbortController()
    const late = delay(timeoutMs, undefined, { signal: AbortSignal.any(signal ? [signal, stop.signal] : [stop.signal]) }).then(() => {
      const missing = this.#isAsked ? 'did not show that it reaches its service' : 'opened no work connection'
      throw new TunnelUnresponsiveError(this.#options.remotePort, `frpc ${missing} within ${Math.round(timeoutMs)} ms`)
    })
    try {
      await Promise.race([verdict, late])
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      stop.abort()
    }
  }

  /** The check that runs; a new one when none does. */
  #current(): Promise<void> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #ask(): Promise<void> {
    this.#isAsked = false
    const stream = await this.#options.open()
    this.#isAsked = true
    const over = new AbortController()
    try {
      const failure = await Promise.race([untilEnded(stream), this.#waitInVain(stream, over.signal)])
      if (failure) throw failure
    } finally {
      over.abort()
      stream.destroy()
    }
  }

  /** Ends our direction, and resolves when frpc had all the time that it needs to do the same. */
  async #waitInVain(stream: FrpStream, signal: AbortSignal): Promise<ServiceUnreachableError | TunnelUnresponsiveError> {
    const { remotePort, isAnswering } = this.#options
    const isSent = new Promise<void>((resolve) => void stream.once('finish', resolve))
    if (stream.endNow) stream.endNow()
    else stream.end()
    await isSent // so that the question comes behind it
    if (!(await isAnswering())) return new TunnelUnresponsiveError(remotePort, 'frpc says nothing at all')
    await delay(CHECK_TIMEOUT_MS, undefined, { signal })
    return new ServiceUnreachableError(remotePort)
  }
}

/** Resolves when the other side has ended or cut a connection. Cut says nothing about the service: whoever takes the next one learns why. */
async function untilEnded(stream: FrpStream): Promise<undefined> {
  stream.resume()
  await new Promise<void>((resolve) => void stream.once('end', resolve).once('close', resolve))
}
