import { once } from 'node:events'
import net from 'node:net'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { MuxLimits } from './limits.ts'
import type { LimitName } from '../../limit-reached.ts'
import { Muxer } from './muxer.ts'
import { ReceiveMemory } from './receive-memory.ts'
import type { MuxStream } from './stream.ts'

/** How long a condition may take to come true, on a machine that does other things too. */
const PATIENCE_MS = 10_000

export const [DATA, WINDOW_UPDATE, PING, GO_AWAY] = [0, 1, 2, 3] as const
export const [SYN, ACK, FIN, RST] = [1, 2, 4, 8] as const

/** A frame as the peer received it, written down by hand from the protocol and not by the code under test. */
export interface PeerFrame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly length: number
  readonly body: Buffer
}

export function frame(type: number, flags: number, streamId: number, length: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt8(type, 1)
  header.writeUInt16BE(flags, 2)
  header.writeUInt32BE(streamId, 4)
  header.writeUInt32BE(length, 8)
  return Buffer.concat([header, body])
}

/** The client side of a session as a test needs it: sends any frame, keeps all that it gets, grants nothing by itself; only pings are answered. */
export class YamuxPeer {
  readonly transport: Duplex
  readonly frames: PeerFrame[] = []
  answersPings = true
  #rest = Buffer.alloc(0)

  constructor(transport: Duplex) {
    this.transport = transport
    transport.on('data', (bytes: Buffer) => this.#receive(bytes))
    // The session under test may be destroyed at any time.
    transport.on('error', () => {})
  }

  send(type: number, flags: number, streamId: number, length: number): void {
    this.transport.write(frame(type, flags, streamId, length))
  }

  open(streamId: number, delta = 0x5c0000): void {
    this.send(WINDOW_UPDATE, SYN, streamId, delta)
  }

  data(streamId: number, body: Buffer | string, flags = 0): void {
    const bytes = Buffer.from(body)
    this.transport.write(frame(DATA, flags, streamId, bytes.length, bytes))
  }

  of(streamId: number): PeerFrame[] {
    return this.frames.filter((frame) => frame.streamId === streamId && frame.type <= WINDOW_UPDATE)
  }

  /** Frames of a stream in short, such as `ACK+786432`, `DATA 5`, `FIN`. */
  storyOf(streamId: number): string[] {
    return this.of(streamId).map(({ type, flags, length }) => {
      const names = [[ACK, 'ACK'], [FIN, 'FIN'], [RST, 'RST'], [SYN, 'SYN']] as const
      const flagText = names.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name).join('|')
      if (type === DATA) return `DATA${flagText} ${length}`
      return length === 0 ? flagText : `${flagText}+${length}`
    })
  }

  bodyOf(streamId: number): Buffer {
    return Buffer.concat(this.of(streamId).map(({ body }) => body))
  }

  /** Returns when everything sent so far was handled and answered. */
  async settled(): Promise<void> {
    const id = 1_000_000 + this.frames.length
    this.send(PING, SYN, 0, id)
    await this.until(() => this.frames.some((frame) => frame.type === PING && frame.length === id))
  }

  async until(condition: () => boolean): Promise<void> {
    for (const giveUpAt = performance.now() + PATIENCE_MS; !condition(); await delay(2)) {
      if (performance.now() > giveUpAt) throw new Error(`this did not come true in time: ${String(condition)}`)
    }
  }

  #receive(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    let offset = 0
    while (this.#rest.length - offset >= 12) {
      const type = this.#rest.readUInt8(offset + 1)
      const length = this.#rest.readUInt32BE(offset + 8)
      const end = offset + 12 + (type === DATA ? length : 0)
      if (this.#rest.length < end) break
      const flags = this.#rest.readUInt16BE(offset + 2)
      const streamId = this.#rest.readUInt32BE(offset + 4)
      this.frames.push({ type, flags, streamId, length, body: this.#rest.subarray(offset + 12, end) })
      if (type === PING && (flags & SYN) !== 0 && this.answersPings) this.send(PING, ACK, 0, length)
      offset = end
    }
    this.#rest = this.#rest.subarray(offset)
  }
}

export interface Session extends AsyncDisposable {
  readonly peer: YamuxPeer
  readonly muxer: Muxer
  /** The muxer's side of the connection. */
  readonly transport: Duplex
  readonly streams: MuxStream[]
  readonly memory: ReceiveMemory
  /** The limits that were reached, in order. */
  readonly reached: LimitName[]
  stream(id: number): Promise<MuxStream>
}

export type SessionOptions = Partial<MuxLimits> & {
  readonly onStream?: (stream: MuxStream) => void
  /** For all sessions; one may take a quarter of it. */
  readonly memoryBytes?: number
}

/** A session over a real connection on loopback. */
export async function connectSession(options: SessionOptions = {}): Promise<Session> {
  const server = net.createServer({ noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the test server has no port')
  const accepted = once(server, 'connection')
  const client = net.connect({ port: address.port, host: '127.0.0.1', noDelay: true })
  const [transport] = await accepted
  server.close()
  return session(client, transport, options)
}

/** A session over a pair in memory, where nothing is buffered but what the two sides hold themselves. */
export function pairSession(options: SessionOptions = {}): Session {
  const [client, transport] = duplexPair()
  return session(client, transport, options)
}

function session(client: Duplex, transport: Duplex, { onStream, memoryBytes = 64 * 1024 ** 2, ...limits }: SessionOptions): Session {
  const streams: MuxStream[] = []
  const reached: LimitName[] = []
  const onLimit = (limit: LimitName) => void reached.push(limit)
  const memory = new ReceiveMemory({ limitBytes: () => memoryBytes, onLimit })
  const peer = new YamuxPeer(client)
  const muxer = new Muxer(transport, {
    limits,
    onLimit,
    memory: memory.newSession(),
    onStream: (stream) => {
      streams.push(stream)
      onStream?.(stream)
    },
  })
  return {
    peer,
    muxer,
    transport,
    streams,
    memory,
    reached,
    async stream(id) {
      await peer.until(() => streams.some((stream) => stream.id === id))
      const found = streams.find((stream) => stream.id === id)
      if (found === undefined) throw new Error(`stream ${id} was not accepted`)
      return found
    },
    async [Symbol.asyncDispose]() {
      muxer.close()
      client.destroy()
      await muxer.closed
    },
  }
}
