import assert from 'node:assert/strict'
import { ACK, DATA, FIN, type PeerFrame, RST, SYN, WINDOW_UPDATE } from '../../../proxy/tunnel/mux/peer.fixture.ts'
import type { MuxStream } from '../../../proxy/tunnel/mux/stream.ts'
import { isPattern, patternOf } from './pattern.ts'

/** What both sides of a stream may count on from the start (frp wire protocol §2.2). */
export const INITIAL_WINDOW_BYTES = 262_144

/** One life of a stream as both ends must agree on it; an id may have several, one after the other. */
export class StreamModel {
  readonly id: number
  /** Tells this life's bytes from those of all others. */
  readonly seed: number
  /** Bytes that the peer sent and that are to reach the application, and what it may still send. */
  sent = 0
  peerCredit = INITIAL_WINDOW_BYTES
  /** All that the peer was granted, and all that it has granted. */
  grantedToPeer = INITIAL_WINDOW_BYTES
  grantedToApp: number
  /** Bytes that the application wrote, and that the peer got. */
  written = 0
  delivered = 0
  /** Bytes that the application read. */
  read = 0
  peerFinished = false
  peerReset = false
  isFinished = false
  isReset = false
  isAcknowledged = false
  /** What the application did that ends the stream sooner or later. */
  appEnd: 'none' | 'end' | 'destroySoon' | 'destroy' = 'none'
  isReading = true
  app: MuxStream | undefined

  constructor(id: number, seed: number, delta: number) {
    this.id = id
    this.seed = seed
    this.grantedToApp = INITIAL_WINDOW_BYTES + delta
  }

  /** Whether the id is in use: neither side has reset it, and not both have finished. */
  get isLive(): boolean {
    return !this.peerReset && !this.isReset && !(this.peerFinished && this.isFinished)
  }

  /** The next bytes that the peer sends. */
  upload(length: number): Buffer {
    const bytes = patternOf(this.seed, this.sent, length)
    if (!this.peerFinished) this.sent += length
    return bytes
  }

  /** The next bytes that the application writes. */
  download(length: number): Buffer {
    const bytes = patternOf(this.seed + 7, this.written, length)
    this.written += length
    return bytes
  }

  /** The application reads. */
  takeRead(bytes: Buffer): void {
    assert.ok(isPattern(bytes, this.seed, this.read), `stream ${this.id}: other bytes were read than were sent`)
    this.read += bytes.length
    assert.ok(this.read <= this.sent, `stream ${this.id}: ${this.read} bytes were read, ${this.sent} sent`)
  }

  /** The peer gets a frame of this stream. */
  takeFrame({ type, flags, length, body }: PeerFrame): void {
    assert.ok(!this.isReset, `stream ${this.id}: a frame came behind RST`)
    assert.equal(flags & SYN, 0, `stream ${this.id}: a server opened a stream`)
    if (!this.isAcknowledged) assert.notEqual(flags & (ACK | RST), 0, `stream ${this.id}: the first frame is no ACK`)
    if ((flags & ACK) !== 0) {
      assert.ok(!this.isAcknowledged, `stream ${this.id}: a second ACK`)
      this.isAcknowledged = true
    }
    if (type === WINDOW_UPDATE) {
      this.peerCredit += length
      this.grantedToPeer += length
    } else {
      assert.equal(type, DATA)
      assert.ok(!this.isFinished, `stream ${this.id}: data came behind FIN`)
      assert.ok(isPattern(body, this.seed + 7, this.delivered), `stream ${this.id}: the peer got other bytes than were written`)
      this.delivered += body.length
      assert.ok(this.delivered <= this.grantedToApp, `stream ${this.id}: ${this.delivered} bytes came, ${this.grantedToApp} were granted`)
    }
    if ((flags & FIN) !== 0) {
      assert.ok(!this.isFinished, `stream ${this.id}: a second FIN`)
      this.isFinished = true
    }
    if ((flags & RST) !== 0) this.isReset = true
  }
}
