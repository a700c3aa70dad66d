import { FrpProtocolError } from '../errors.ts'
import { unmask } from './websocket-mask.ts'

/** What arrived in a websocket: a piece of the byte stream, a question that wants an answer, or the end. */
export type WebsocketPart =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'ping'; readonly payload: Buffer }
  | { readonly kind: 'close' }

// RFC 6455 §5.2
const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
const FIN = 0x80
const RESERVED_BITS = 0x70
const OPCODE_BITS = 0x0f
const MASKED = 0x80
const LENGTH_BITS = 0x7f
const LENGTH_IN_2_BYTES = 126
const LENGTH_IN_8_BYTES = 127
const MASK_BYTES = 4
const MIN_HEADER_BYTES = 2
const MAX_HEADER_BYTES = MIN_HEADER_BYTES + 8 + MASK_BYTES
const MAX_CONTROL_PAYLOAD_BYTES = 125
const MAX_LENGTH_IN_2_BYTES = 0xffff

/** The end, with the status "normal closure". */
export const CLOSE_FRAME = Buffer.from([FIN | Opcode.close, 2, 0x03, 0xe8])

/** What goes before `length` bytes of the stream. Always binary: old clients, which send text, read either. */
export function binaryHeader(length: number): Buffer {
  if (length < LENGTH_IN_2_BYTES) return Buffer.of(FIN | Opcode.binary, length)
  if (length <= MAX_LENGTH_IN_2_BYTES) {
    const header = Buffer.of(FIN | Opcode.binary, LENGTH_IN_2_BYTES, 0, 0)
    header.writeUInt16BE(length, 2)
    return header
  }
  const header = Buffer.alloc(10)
  header.writeUInt8(FIN | Opcode.binary, 0)
  header.writeUInt8(LENGTH_IN_8_BYTES, 1)
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}

export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(FIN | Opcode.pong, payload.length), payload])
}

/**
 * Takes a client's websocket apart into the byte stream that frpc means by it: text and binary alike, never checked for
 * UTF-8, whatever the messages' boundaries. Gives bytes out as they come, so a frame of any length is never held; a chunk
 * is unmasked where it lies.
 */
export class WebsocketDecoder {
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES)
  #headerBytes = 0
  #headerLength = MIN_HEADER_BYTES
  #opcode = 0
  #mask = Buffer.alloc(0)
  #payloadBytes = 0
  #payloadLength = 0
  #isInMessage = false
  #control: Buffer[] = []

  #expectHeader(): void {
    this.#headerBytes = 0
    this.#headerLength = MIN_HEADER_BYTES
    this.#payloadBytes = 0
  }

  /** @throws FrpProtocolError at what no client may send */
  *push(chunk: Buffer): Generator<WebsocketPart, void> {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#headerBytes < this.#headerLength) rest = this.#readHeader(rest)
      if (this.#headerBytes < this.#headerLength) return
      const bytes = rest.subarray(0, this.#payloadLength - this.#payloadBytes)
      rest = rest.subarray(bytes.length)
      unmask(bytes, this.#mask, this.#payloadBytes)
      this.#payloadBytes += bytes.length
      yield* this.#partsOf(bytes)
      if (this.#payloadBytes === this.#payloadLength) this.#expectHeader()
    }
  }

  *#partsOf(bytes: Buffer): Generator<WebsocketPart, void> {
    if (this.#opcode < Opcode.close) {
      if (bytes.length > 0) yield { kind: 'bytes', bytes }
      return
    }
    this.#control.push(bytes)
    if (this.#payloadBytes < this.#payloadLength) return
    const payload = Buffer.concat(this.#control)
    this.#control = []
    if (this.#opcode === Opcode.ping) yield { kind: 'ping', payload }
    else if (this.#opcode === Opcode.close) yield { kind: 'close' }
  }

  /** Returns what lies behind the header. */
  #readHeader(chunk: Buffer): Buffer {
    let rest = chunk
    while (rest.length > 0 && this.#headerBytes < this.#headerLength) {
      const copied = rest.copy(this.#header, this.#headerBytes, 0, this.#headerLength - this.#headerBytes)
      rest = rest.subarray(copied)
      this.#headerBytes += copied
      if (this.#headerBytes === MIN_HEADER_BYTES) this.#headerLength = headerLength(this.#header)
    }
    if (this.#headerBytes === this.#headerLength) this.#takeHeader()
    return rest
  }

  #takeHeader(): void {
    const first = this.#header.readUInt8(0)
    const isFinal = (first & FIN) !== 0
    this.#opcode = first & OPCODE_BITS
    this.#payloadLength = payloadLength(this.#header)
    this.#mask = this.#header.subarray(this.#headerLength - MASK_BYTES, this.#headerLength)
    if ((first & RESERVED_BITS) !== 0) throw new FrpProtocolError('a websocket frame uses an extension')
    switch (this.#opcode) {
      case Opcode.continuation:
      case Opcode.text:
      case Opcode.binary:
        if (this.#isInMessage !== (this.#opcode === Opcode.continuation)) throw new FrpProtocolError('websocket messages are mixed up')
        this.#isInMessage = !isFinal
        return
      case Opcode.close:
      case Opcode.ping:
      case Opcode.pong:
        if (!isFinal || this.#payloadLength > MAX_CONTROL_PAYLOAD_BYTES) throw new FrpProtocolError('a websocket control frame is too long')
        return
      default:
        throw new FrpProtocolError(`unknown websocket frame type ${this.#opcode}`)
    }
  }
}

function headerLength(header: Buffer): number {
  const second = header.readUInt8(1)
  if ((second & MASKED) === 0) throw new FrpProtocolError('a websocket frame of a client is not masked')
  const length = second & LENGTH_BITS
  const extendedBytes = length === LENGTH_IN_8_BYTES ? 8 : length === LENGTH_IN_2_BYTES ? 2 : 0
  return MIN_HEADER_BYTES + extendedBytes + MASK_BYTES
}

function payloadLength(header: Buffer): number {
  const length = header.readUInt8(1) & LENGTH_BITS
  if (length === LENGTH_IN_2_BYTES) return header.readUInt16BE(2)
  if (length !== LENGTH_IN_8_BYTES) return length
  const long = header.readBigUInt64BE(2)
  if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw new FrpProtocolError(`websocket frame length ${long} is out of range`)
  return Number(long)
}
