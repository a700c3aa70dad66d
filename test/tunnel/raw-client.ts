import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { privilegeKey } from '../../proxy/tunnel/protocol/auth-key.ts'
import { CfbDecoder, CfbEncoder, deriveKey } from '../../proxy/tunnel/protocol/cipher.ts'
import { FrameDecoder, encodeFrame } from '../../proxy/tunnel/protocol/codec.ts'
import { SHARED_KEY } from './shared-key.ts'

const SYN = 1
const FIN = 4
const RST = 8

/** A message as it came: its type byte as a letter, and its JSON. */
export interface RawMessage {
  readonly type: string
  readonly body: unknown
}

interface RawStream {
  readonly bytes: Buffer
  isFinished: boolean
  isReset: boolean
}

/** What came on one stream: put together when somebody looks, as there may be very many pieces. */
class Received implements RawStream {
  isFinished = false
  isReset = false
  #pieces: Buffer[] = []

  get bytes(): Buffer {
    const whole = Buffer.concat(this.#pieces)
    this.#pieces = [whole]
    return whole
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece)
  }
}

/** A yamux and FRP client that does exactly what a test says, right or wrong; only pings are answered by themselves. */
export class RawClient {
  readonly socket: Duplex
  answersPings = true
  readonly #streams = new Map<number, Received>()
  #received: Buffer = Buffer.alloc(0)
  #controlEncoder = new CfbEncoder(deriveKey(''))

  /** On a connection that is there already, whatever lies below it. */
  constructor(socket: Duplex) {
    this.socket = socket
    socket.on('error', () => {}).on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  static async connect(port: number, from?: string): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', ...(from ? { localAddress: from } : {}) })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  stream(id: number): Readonly<RawStream> {
    return this.#stream(id)
  }

  open(id: number): void {
    this.#send(1, SYN, id, 0)
  }

  finish(id: number): void {
    this.#send(1, FIN, id, 0)
  }

  write(id: number, bytes: Buffer): void {
    this.#send(0, 0, id, bytes.length)
    this.socket.write(bytes)
  }

  writeMessage(id: number, type: string, body: unknown): void {
    this.write(id, encodeFrame(type.charCodeAt(0), JSON.stringify(body)))
  }

  /** Logs in on stream 1 as a client of HaRP, except for `fields`. */
  login(fields: object = {}): void {
    this.open(1)
    this.writeMessage(1, 'o', {
      version: '0.71.0', // one whose service needs no check before a work connection is used
      privilege_key: privilegeKey('', 1),
      timestamp: 1,
      metas: { token: SHARED_KEY },
      client_spec: {},
      ...fields,
    })
  }

  /** Says something on the control stream, encrypted, after the login. */
  say(type: string, body: object): void {
    this.sayBytes(encodeFrame(type.charCodeAt(0), JSON.stringify(body)))
  }

  /** The same with bytes that need not be a message. */
  sayBytes(bytes: Buffer): void {
    this.write(1, this.#controlEncoder.encode(bytes))
  }

  /** Everything that came on the control stream: the answer to the login, and what is encrypted behind it. */
  heard(): RawMessage[] {
    const decoder = new FrameDecoder()
    const first = decoder.push(this.#stream(1).bytes).next()
    if (first.done) return []
    const plain = new CfbDecoder(deriveKey('')).decode(decoder.takeRest())
    return [first.value, ...new FrameDecoder().push(plain)].map(({ type, payload }) => readable(type, payload))
  }

  /** Everything that came on another stream, which is not encrypted. */
  messages(id: number): RawMessage[] {
    return [...new FrameDecoder().push(this.#stream(id).bytes)].map(({ type, payload }) => readable(type, payload))
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #send(type: number, flags: number, id: number, length: number): void {
    const header = Buffer.alloc(12)
    header.writeUInt8(type, 1)
    header.writeUInt16BE(flags, 2)
    header.writeUInt32BE(id, 4)
    header.writeUInt32BE(length, 8)
    this.socket.write(header)
  }

  #stream(id: number): Received {
    const stream = this.#streams.get(id) ?? new Received()
    this.#streams.set(id, stream)
    return stream
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 12) {
      const [type, flags, id, length] = [
        this.#received.readUInt8(1),
        this.#received.readUInt16BE(2),
        this.#received.readUInt32BE(4),
        this.#received.readUInt32BE(8),
      ]
      const size = 12 + (type === 0 ? length : 0)
      if (this.#received.length < size) return
      const body = this.#received.subarray(12, size)
      this.#received = this.#received.subarray(size)
      if (type === 2 && (flags & SYN) !== 0 && this.answersPings) this.#send(2, 2, 0, length)
      if (type > 1) continue
      const stream = this.#stream(id)
      stream.add(body)
      stream.isFinished ||= (flags & FIN) !== 0
      stream.isReset ||= (flags & RST) !== 0
    }
  }
}

/** A frame as a test compares it. */
export function readable(type: number, payload: Buffer): RawMessage {
  return { type: String.fromCharCode(type), body: JSON.parse(payload.toString()) }
}
