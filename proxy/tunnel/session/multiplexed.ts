import { setTimeout as delay } from 'node:timers/promises'
import type { OnLimit } from '../../limit-reached.ts'
import { ConnectionRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import { Muxer } from '../mux/muxer.ts'
import type { ReceiveMemory } from '../mux/receive-memory.ts'
import type { Carrier } from './carrier.ts'
import type { FrpStream } from '../frp-stream.ts'
import type { LoginRequest } from './login-exchange.ts'
import { StreamSorter } from './streams.ts'
import type { WorkConnectionTaker } from './streams.ts'

export interface MultiplexedOptions {
  readonly limits: Pick<TunnelLimits, 'firstMessageMs' | 'streamsPerSession' | 'unaskedStreams'>
  /** Where the bytes count that nobody has read yet. */
  readonly memory: ReceiveMemory
  readonly onLimit: OnLimit
}

/** One connection that carries everything of a client, as frpc has it unless told otherwise. */
export class MultiplexedCarrier implements Carrier {
  readonly isMultiplexed = true
  readonly #streams: StreamSorter
  readonly #muxer: Muxer

  constructor(transport: FrpStream, { limits, memory, onLimit }: MultiplexedOptions) {
    this.#streams = new StreamSorter({ limits, onLimit })
    this.#muxer = new Muxer(transport, {
      onStream: this.#streams.accept,
      memory: memory.newSession(),
      onLimit,
      limits: { maxStreams: limits.streamsPerSession },
    })
  }

  get bytesReceived(): number {
    return this.#muxer.bytesReceived
  }

  get bytesSent(): number {
    return this.#muxer.bytesSent
  }

  get closed(): Promise<Error | undefined> {
    return this.#muxer.closed
  }

  readonly ping = (timeoutMs: number): Promise<boolean> => this.#muxer.ping(timeoutMs)

  /** The Login of a session that was just opened. @throws ConnectionRefusedError or FrpProtocolError when none comes in time */
  async awaitLogin(timeoutMs: number): Promise<LoginRequest> {
    const stop = new AbortController()
    const { signal } = stop
    try {
      return await Promise.race([
        this.#streams.login,
        this.#muxer.closed.then((cause) => {
          throw new ConnectionRefusedError('mux', 'the session ended before a login', { cause })
        }),
        delay(timeoutMs, undefined, { signal }).then(() => {
          throw new ConnectionRefusedError('login', 'no login came in time')
        }),
      ])
    } finally {
      stop.abort()
    }
  }

  /** From here on the client's work connections are taken in: those of this connection, and no others. */
  sendWorkConnectionsTo(taker: WorkConnectionTaker): void {
    this.#streams.sendWorkConnectionsTo(taker)
  }

  /** The multiplexer counts its streams itself. */
  adopt(): boolean {
    return true
  }

  close(): void {
    this.#muxer.close()
  }
}
