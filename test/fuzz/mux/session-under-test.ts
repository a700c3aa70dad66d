import assert from 'node:assert/strict'
import { duplexPair, type Duplex } from 'node:stream'
import type { LimitName } from '../../../proxy/limit-reached.ts'
import type { MuxLimits } from '../../../proxy/tunnel/mux/limits.ts'
import { Muxer } from '../../../proxy/tunnel/mux/muxer.ts'
import { ACK, frame, GO_AWAY, PING, SYN, YamuxPeer } from '../../../proxy/tunnel/mux/peer.fixture.ts'
import { ReceiveMemory, type SessionMemory } from '../../../proxy/tunnel/mux/receive-memory.ts'
import type { MuxStream } from '../../../proxy/tunnel/mux/stream.ts'
import { FakeClock } from '../fake-clock.ts'
import { INITIAL_WINDOW_BYTES, StreamModel } from './stream-model.ts'

/** Small, so that a run reaches them. */
export const limits: Partial<MuxLimits> = {
  maxStreams: 6,
  receiveWindowBytes: 2 * INITIAL_WINDOW_BYTES,
  maxQueuedControlFrames: 500,
  socketQueueBytes: 100_000,
  quantumBytes: 20_000,
  closeTimeoutMs: 30_000,
  heldFinIdleMs: 60_000,
}

/** How a session has to have ended. */
export type Ending = 'open' | 'protocol error' | 'by the peer' | 'by us'

/** With less than this the streams of one session may run out of it: four times what they may send, as a session has a quarter. */
const SCARCE_MEMORY_BYTES = 16 * 1024 ** 2

/** Turns of the event loop in which nothing moved, after which nothing will. */
const QUIET_TURNS = 4

/** A muxer over a pair in memory, a peer that knows exactly what it may do, applications, and what both ends must agree on. */
export class SessionUnderTest implements Disposable {
  readonly clock = new FakeClock()
  readonly muxer: Muxer
  readonly #peer: Duplex
  readonly #transport: Duplex
  readonly #yamux: YamuxPeer
  readonly #memory: SessionMemory
  readonly #all: ReceiveMemory
  /** The newest life of each id, and all lives. */
  readonly #byId = new Map<number, StreamModel>()
  readonly lives: StreamModel[] = []
  readonly reached: LimitName[] = []
  ending: Ending = 'open'
  isPeerReading = true
  isGoingAway = false
  /** Milliseconds that passed, and whether memory may run short: either may reset a stream without anybody asking for it. */
  passedMs = 0
  readonly #isMemoryScarce: boolean
  #goAways: number[] = []
  #closed: { readonly reason: Error | undefined } | undefined

  constructor(memoryBytes: number) {
    this.#isMemoryScarce = memoryBytes < SCARCE_MEMORY_BYTES
    const [peer, transport] = duplexPair()
    this.#peer = peer
    this.#transport = transport
    this.#yamux = new YamuxPeer(peer)
    this.#all = new ReceiveMemory({ limitBytes: () => memoryBytes, onLimit: (limit) => this.reached.push(limit) })
    this.#memory = this.#all.newSession()
    this.muxer = new Muxer(transport, { limits, memory: this.#memory, onLimit: (limit) => this.reached.push(limit), onStream: (stream) => this.#accept(stream) })
    void this.muxer.closed.then((reason) => (this.#closed = { reason }))
  }

  stream(id: number): StreamModel | undefined {
    return this.#byId.get(id)
  }

  /** Streams whose application may still do something. */
  get usable(): StreamModel[] {
    return [...this.#byId.values()].filter(({ app, isLive }) => isLive && app !== undefined && !app.destroyed)
  }

  get liveCount(): number {
    return [...this.#byId.values()].filter(({ isLive }) => isLive).length
  }

  /** The peer begins a life. */
  begin(id: number, delta: number): StreamModel {
    const life = new StreamModel(id, this.lives.length, delta)
    this.#byId.set(id, life)
    this.lives.push(life)
    return life
  }

  /** The peer says that it sends no more at all. */
  async endTransport(): Promise<void> {
    this.ending = 'by us'
    this.#peer.end()
    await this.settle()
  }

  /** The peer sends bytes, cut as told. */
  async send(bytes: Buffer, cuts: readonly number[]): Promise<void> {
    let from = 0
    for (const cut of [...cuts.map((part) => Math.floor((part / 1000) * bytes.length)).sort((one, other) => one - other), bytes.length]) {
      if (cut > from && !this.#peer.destroyed) {
        this.#peer.write(bytes.subarray(from, cut))
        await new Promise(setImmediate)
      }
      from = cut
    }
    await this.settle()
  }

  async setPeerReading(isReading: boolean): Promise<void> {
    this.isPeerReading = isReading
    if (isReading) this.#peer.resume()
    else this.#peer.pause()
    await this.settle()
  }

  /** Time passes in steps in which the peer can answer pings. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.passedMs += Math.min(1000, left)
      this.clock.advance(Math.min(1000, left))
      await this.settle()
    }
  }

  /** Returns when nothing moves any more, and has checked everything. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise(setImmediate)
      if (this.#takeFrames()) quiet = -1
    }
    this.#check()
  }

  /** Ends what is left and looks at what stays behind. */
  async end(): Promise<void> {
    if (!this.isPeerReading) await this.setPeerReading(true)
    if (this.ending === 'open') {
      this.ending = 'by us'
      this.muxer.close()
    }
    await this.settle()
    this.clock.advance(2000) // a go-away that nobody reads
    await this.settle()
    // A stream that both sides have finished waits for its reader, whatever becomes of the session.
    for (const life of this.lives) life.app?.resume()
    await this.settle()
    assert.ok(this.#transport.destroyed, 'the transport is left open')
    for (const { app, id } of this.lives) assert.ok(app === undefined || app.destroyed, `stream ${id} is left open`)
    assert.equal(this.muxer.streamCount, 0)
    assert.equal(this.#memory.heldBytes, 0, 'bytes are left behind')
    assert.equal(this.#memory.lentBytes, 0, 'a window is left lent')
    assert.equal(this.#all.heldBytes, 0)
    assert.equal(this.clock.pending, 0, 'timers are left behind')
    assert.equal(await this.muxer.ping(1000), false)
  }

  [Symbol.dispose](): void {
    this.muxer.close()
    this.#peer.destroy()
    this.clock[Symbol.dispose]()
  }

  #accept(stream: MuxStream): void {
    const life = this.#byId.get(stream.id)
    assert.ok(life !== undefined && life.app === undefined, `stream ${stream.id} was accepted and not opened`)
    life.app = stream
    stream.on('data', (bytes: Buffer) => life.takeRead(bytes))
  }

  /** What the peer got since it looked last; says whether there was anything. */
  #takeFrames(): boolean {
    const frames = this.#yamux.frames.splice(0)
    for (const received of frames) {
      const { type, flags, streamId, length } = received
      if (type === GO_AWAY) this.#goAways.push(length)
      else if (type === PING) {
        if ((flags & SYN) !== 0 && !this.#peer.destroyed) this.#peer.write(frame(PING, ACK, 0, length))
      } else {
        const life = this.#byId.get(streamId)
        assert.ok(life, `a frame came for stream ${streamId}, which nobody opened`)
        life.takeFrame(received)
        if (life.isReset) assert.ok(this.#mayReset(life), `stream ${streamId} was reset for no reason`)
      }
    }
    return frames.length > 0
  }

  #mayReset({ app, appEnd }: StreamModel): boolean {
    const isRefused = app === undefined
    return isRefused || appEnd === 'destroy' || appEnd === 'destroySoon' || this.#isMemoryScarce || this.passedMs >= (limits.closeTimeoutMs ?? 0)
  }

  #check(): void {
    if (this.ending === 'open') {
      assert.equal(this.#closed, undefined, `the session ended: ${String(this.#closed?.reason)}`)
      this.#checkOpen()
      return
    }
    assert.ok(this.#closed, `the session goes on, and should have ended with ${this.ending}`)
    const expected = { 'protocol error': 'ProtocolError', 'by the peer': 'PeerGoAwayError', 'by us': undefined }[this.ending]
    assert.equal(this.#closed.reason?.name, expected)
    if (this.ending === 'protocol error' && this.isPeerReading) assert.equal(this.#goAways.at(-1), 1, 'the peer was not told that it broke the protocol')
  }

  #checkOpen(): void {
    const lives = [...this.#byId.values()]
    assert.ok(this.muxer.streamCount <= (limits.maxStreams ?? 0), 'more streams are open than may be')
    if (this.isPeerReading) assert.equal(this.muxer.streamCount, this.liveCount, 'streams that are open on the wire')
    for (const life of lives) {
      const { id, app } = life
      if (!life.isLive || app === undefined) continue
      const unread = life.sent - life.read
      assert.ok(life.grantedToPeer - life.read <= (limits.receiveWindowBytes ?? 0), `stream ${id}: the window is larger than its limit`)
      const isDelivering = life.isReading && life.appEnd !== 'destroySoon' && life.appEnd !== 'destroy' && !app.destroyed
      if (isDelivering) assert.equal(unread, 0, `stream ${id}: bytes are not delivered to a reader`)
      // Whoever reads everything is never kept waiting: half of the smallest window is always there.
      const owed = isDelivering && !life.peerFinished && this.isPeerReading
      if (owed) assert.ok(life.peerCredit >= INITIAL_WINDOW_BYTES / 2, `stream ${id}: only ${life.peerCredit} bytes of credit for a reader that took all`)
      if (!app.destroyed && this.isPeerReading) assert.equal(life.delivered, Math.min(life.written, life.grantedToApp), `stream ${id}: bytes that were written and granted are not sent`)
    }
  }
}
