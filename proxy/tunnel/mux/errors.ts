import { GoAwayCode } from './frame.ts'

/** The peer broke the protocol; the session ends with `goAwayCode` on the wire. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly goAwayCode = GoAwayCode.protocolError
}

/** The peer ended the session with a go-away frame that reports an error. */
export class PeerGoAwayError extends Error {
  override readonly name = 'PeerGoAwayError'
  readonly goAwayCode: number

  constructor(goAwayCode: number) {
    super(`the peer ended the session with go-away code ${goAwayCode}`)
    this.goAwayCode = goAwayCode
  }
}

/** The peer answered no ping and sent nothing else within the keep-alive time-out. */
export class KeepAliveTimeoutError extends Error {
  override readonly name = 'KeepAliveTimeoutError'
  readonly timeoutMs: number

  constructor(timeoutMs: number) {
    super(`the peer did not answer a ping within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** The peer makes us answer faster than it reads the answers, such as in a ping flood. */
export class ControlFloodError extends Error {
  override readonly name = 'ControlFloodError'
  readonly queuedFrames: number

  constructor(queuedFrames: number) {
    super(`${queuedFrames} control frames are waiting for a peer that does not read them`)
    this.queuedFrames = queuedFrames
  }
}

/** The session that carried a stream is gone; `cause` says why when it did not end by itself. */
export class SessionClosedError extends Error {
  override readonly name = 'SessionClosedError'
  /** Named like Node's own: whoever has the stream in the place of a socket knows no other. */
  readonly code = 'ECONNRESET'

  constructor(reason: Error | undefined) {
    super('the multiplexed session was closed', reason === undefined ? undefined : { cause: reason })
  }
}

/** The peer dropped one stream with RST. */
export class StreamResetError extends Error {
  override readonly name = 'StreamResetError'
  /** Named like Node's own: whoever has the stream in the place of a socket knows no other. */
  readonly code = 'ECONNRESET'
  readonly streamId: number

  constructor(streamId: number) {
    super(`the peer reset stream ${streamId}`)
    this.streamId = streamId
  }
}

/** A stream was given up because the memory for unread bytes was used up, and it held most of them. */
export class StreamMemoryError extends Error {
  override readonly name = 'StreamMemoryError'
  readonly streamId: number

  constructor(streamId: number) {
    super(`stream ${streamId} held too much that nobody read`)
    this.streamId = streamId
  }
}

/** A half-closed stream was given up because the other half did not follow in time. */
export class StreamCloseTimeoutError extends Error {
  override readonly name = 'StreamCloseTimeoutError'
  /** Named like Node's own: whoever has the stream in the place of a socket knows no other. */
  readonly code = 'ECONNRESET'
  readonly streamId: number

  constructor(streamId: number) {
    super(`stream ${streamId} stayed half-closed for too long`)
    this.streamId = streamId
  }
}

/** Bytes were written to a stream that was destroyed before they were sent. */
export class StreamDestroyedError extends Error {
  override readonly name = 'StreamDestroyedError'
  readonly streamId: number

  constructor(streamId: number) {
    super(`stream ${streamId} was destroyed`)
    this.streamId = streamId
  }
}
