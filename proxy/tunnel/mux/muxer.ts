import type { Duplex } from 'node:stream'
import type { OnLimit } from '../../limit-reached.ts'
import { FrameDecoder } from './decoder.ts'
import type { FrameEvent } from './decoder.ts'
import { encodeHeader, goAway, pingReply, windowUpdate } from './encoder.ts'
import { ControlFloodError, PeerGoAwayError, ProtocolError } from './errors.ts'
import { Flag, FrameType, GoAwayCode, hasFlag } from './frame.ts'
import type { FrameHeader } from './frame.ts'
import { defaultMuxLimits } from './limits.ts'
import type { MuxLimits } from './limits.ts'
import { Liveness } from './liveness.ts'
import type { SessionMemory } from './receive-memory.ts'
import { SendQueue } from './send-queue.ts'
import { MuxStream } from './stream.ts'
import type { StreamHost } from './stream.ts'

/** How long a go-away may take to leave before the transport is destroyed: the peer that earned it may not read. */
const GO_AWAY_LINGER_MS = 1000

export interface MuxerOptions {
  /** Called synchronously for each accepted stream, before any of its bytes are delivered. */
  readonly onStream: (stream: MuxStream) => void
  /** Where the bytes count that its streams hold unread. */
  readonly memory: SessionMemory
  readonly onLimit: OnLimit
  readonly limits?: Partial<MuxLimits>
}

/**
 * The server side of one yamux session (frp wire protocol §2): it accepts streams and never opens one.
 *
 * The transport is read all the time, because frpc ends a session whose writes stand still; a slow application is felt by the
 * peer only as credit that does not come back.
 */
export class Muxer {
  /** Resolves when the session is over: with the reason, or undefined when the peer or `close()` ended it in order. */
  readonly closed: Promise<Error | undefined>

  readonly #transport: Duplex
  readonly #onStream: (stream: MuxStream) => void
  readonly #onLimit: OnLimit
  readonly #limits: MuxLimits
  readonly #decoder = new FrameDecoder()
  readonly #streams = new Map<number, MuxStream>()
  readonly #sendQueue: SendQueue
  readonly #liveness: Liveness
  readonly #streamHost: StreamHost
  readonly #resolveClosed: (reason: Error | undefined) => void
  /** Whose body is arriving; undefined when it is to be drained. */
  #bodyOwner: MuxStream | undefined
  #bytesReceived = 0
  #isGoingAway = false
  #isClosed = false

  constructor(transport: Duplex, options: MuxerOptions) {
    this.#transport = transport
    this.#onStream = options.onStream
    this.#onLimit = options.onLimit
    this.#limits = { ...defaultMuxLimits, ...options.limits }
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.closed = promise
    this.#resolveClosed = resolve
    this.#sendQueue = new SendQueue(transport, this.#limits, (queued) => this.#floods(queued))
    const sendControl = (header: FrameHeader): void => this.#sendQueue.control(header)
    this.#liveness = new Liveness({
      bytesReceived: () => this.#bytesReceived,
      sendControl,
      fail: (error) => this.close(error),
    }, this.#limits)
    this.#streamHost = {
      limits: this.#limits,
      memory: options.memory,
      sendControl,
      queueData: (stream) => this.#sendQueue.add(stream),
      release: (stream) => {
        this.#sendQueue.remove(stream)
        this.#streams.delete(stream.id)
      },
    }
    transport.on('data', this.#onData)
    transport.on('end', () => this.close())
    transport.on('close', () => this.close())
    // Stays attached: a transport may still fail while it is being destroyed.
    transport.on('error', (error) => this.close(error))
  }

  /** Streams that are open on the wire, those that wait for the peer's FIN included. */
  get streamCount(): number {
    return this.#streams.size
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  get bytesSent(): number {
    return this.#sendQueue.bytesSent
  }

  /** Whether the peer answered a ping within the time. */
  ping(timeoutMs: number): Promise<boolean> {
    return this.#liveness.ping(timeoutMs)
  }

  /** Tells the peer to open no more streams; it does not reconnect for that, so only for the last seconds of a drain. */
  goAway(): void {
    if (this.#isGoingAway) return
    this.#isGoingAway = true
    this.#sendQueue.control(goAway(GoAwayCode.normal))
  }

  /** Ends the session: destroys all streams and the transport. */
  close(reason?: Error): void {
    if (!this.#end(reason)) return
    this.#transport.destroy()
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#bytesReceived += bytes.length
    try {
      for (const event of this.#decoder.push(bytes)) {
        if (this.#isClosed) return
        this.#receive(event)
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error('receiving failed', { cause: error }))
    }
  }

  #receive(event: FrameEvent): void {
    if (event.kind === 'header') {
      this.#receiveHeader(event.header)
      return
    }
    const owner = this.#bodyOwner
    owner?.receiveData(event.bytes)
    if (event.isLast && hasFlag(event.header, Flag.fin)) owner?.receiveFin()
  }

  #receiveHeader(header: FrameHeader): void {
    switch (header.type) {
      case FrameType.data:
      case FrameType.windowUpdate:
        this.#receiveStreamFrame(header)
        return
      case FrameType.ping:
        if (hasFlag(header, Flag.syn)) this.#sendQueue.control(pingReply(header.length))
        else if (hasFlag(header, Flag.ack)) this.#liveness.receiveReply(header.length)
        return
      case FrameType.goAway:
        // Code 0 only says that the peer takes no streams, and we open none.
        if (header.length !== GoAwayCode.normal) this.close(new PeerGoAwayError(header.length))
        return
    }
  }

  #receiveStreamFrame(header: FrameHeader): void {
    if (hasFlag(header, Flag.syn)) this.#accept(header.streamId)
    // What belongs to no stream is drained in silence: frames cross with our RST.
    const stream = this.#streams.get(header.streamId)
    this.#bodyOwner = stream
    if (stream === undefined) return
    if (hasFlag(header, Flag.rst)) {
      this.#bodyOwner = undefined
      stream.receiveReset()
      return
    }
    if (header.type === FrameType.windowUpdate) stream.receiveCredit(header.length)
    else stream.receiveDataHeader(header.length)
    const hasBody = header.type === FrameType.data && header.length > 0
    if (!hasBody && hasFlag(header, Flag.fin)) stream.receiveFin()
  }

  #accept(id: number): void {
    if (id % 2 === 0) throw new ProtocolError(`a client may not open stream ${id}`)
    if (this.#streams.has(id)) throw new ProtocolError(`stream ${id} was opened twice`)
    const isFull = this.#streams.size >= this.#limits.maxStreams
    if (isFull) this.#onLimit('frp_streams_per_session')
    if (isFull || this.#isGoingAway) {
      this.#sendQueue.control(windowUpdate(id, Flag.rst, 0))
      return
    }
    const stream = new MuxStream(id, this.#streamHost)
    this.#streams.set(id, stream)
    this.#onStream(stream)
  }

  #floods(queuedFrames: number): void {
    this.#onLimit('frp_control_frames_per_session')
    this.close(new ControlFloodError(queuedFrames))
  }

  /** Ends the session after an error in what was received, and tells the peer when the error is its own. */
  #fail(error: Error): void {
    if (!(error instanceof ProtocolError)) {
      this.close(error)
      return
    }
    this.#sendQueue.flushControl()
    if (!this.#end(error)) return
    const destroy = (): void => void this.#transport.destroy()
    const timer = setTimeout(destroy, GO_AWAY_LINGER_MS)
    this.#transport.once('close', () => clearTimeout(timer))
    this.#transport.end(encodeHeader(goAway(error.goAwayCode)), destroy)
  }

  /** Lets go of everything but the transport; false when that was done before. */
  #end(reason: Error | undefined): boolean {
    if (this.#isClosed) return false
    this.#isClosed = true
    this.#transport.off('data', this.#onData)
    this.#liveness.close()
    this.#sendQueue.close()
    this.#bodyOwner = undefined
    const streams = [...this.#streams.values()]
    this.#streams.clear()
    for (const stream of streams) stream.sessionClosed(reason)
    this.#resolveClosed(reason)
    return true
  }
}
