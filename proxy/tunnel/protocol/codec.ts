import { FrpProtocolError } from '../errors.ts'

/** One frame: its type, and the payload that its header announced. In wire v1 the type is a letter and the payload JSON. */
export interface Frame {
  readonly type: number
  readonly payload: Buffer
}

/** Longest payload either side of frp accepts, and so the longest we take or send. */
export const MAX_PAYLOAD_BYTES = 10_240

// type u8, length i64 big-endian
const HEADER_BYTES = 9

/** Every type byte of wire v1; another one means a wrong key or another protocol. */
const KNOWN_TYPES: ReadonlySet<number> = new Set(Buffer.from('o1p2cwrsv3h4uinm56'))

/** How a version of the wire protocol writes the header of a frame. */
export interface Framing {
  readonly headerBytes: number
  /** @throws FrpProtocolError when no frame of this version begins like that */
  readHeader(header: Buffer): { readonly type: number; readonly length: number }
}

export const framingV1: Framing = {
  headerBytes: HEADER_BYTES,
  readHeader: (header) => ({ type: header.readUInt8(0), length: announcedLength(header) }),
}

/** @throws FrpProtocolError when the payload is longer than frpc would accept */
export function encodeFrame(type: number, json: string): Buffer {
  const length = Buffer.byteLength(json)
  if (length > MAX_PAYLOAD_BYTES) throw new FrpProtocolError(`message of ${length} bytes is too long to send`)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  frame.writeUInt8(type, 0)
  frame.writeBigInt64BE(BigInt(length), 1)
  frame.write(json, HEADER_BYTES)
  return frame
}

/** Cuts a byte stream into frames; holds at most one frame, and refuses a bad one from its header. */
export class FrameDecoder {
  readonly #framing: Framing
  readonly #header: Buffer
  #headerBytes = 0
  #type = 0
  #payload: Buffer | undefined
  #payloadBytes = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(framing: Framing = framingV1) {
    this.#framing = framing
    this.#header = Buffer.alloc(framing.headerBytes)
  }

  /** The bytes behind the last frame taken: they belong to whatever follows the messages. */
  takeRest(): Buffer {
    const rest = this.#rest
    this.#rest = Buffer.alloc(0)
    return rest
  }

  /** The frames that `chunk` completes; one not asked for stays in `takeRest()`. @throws FrpProtocolError */
  *push(chunk: Buffer): Generator<Frame, void> {
    this.#rest = chunk
    for (;;) {
      if (!this.#payload) {
        this.#headerBytes += this.#fill(this.#header, this.#headerBytes)
        if (this.#headerBytes < this.#header.length) return
        const { type, length } = this.#framing.readHeader(this.#header)
        this.#type = type
        this.#payload = Buffer.allocUnsafe(length)
      }
      this.#payloadBytes += this.#fill(this.#payload, this.#payloadBytes)
      if (this.#payloadBytes < this.#payload.length) return
      const frame = { type: this.#type, payload: this.#payload }
      this.#headerBytes = 0
      this.#payload = undefined
      this.#payloadBytes = 0
      yield frame
    }
  }

  #fill(target: Buffer, from: number): number {
    const copied = this.#rest.copy(target, from)
    this.#rest = this.#rest.subarray(copied)
    return copied
  }
}

function announcedLength(header: Buffer): number {
  const type = header.readUInt8(0)
  if (!KNOWN_TYPES.has(type)) throw new FrpProtocolError(`unknown message type 0x${type.toString(16).padStart(2, '0')}`)
  const length = header.readBigInt64BE(1)
  if (length < 0n || length > BigInt(MAX_PAYLOAD_BYTES)) {
    throw new FrpProtocolError(`message length ${length} is not within 0..${MAX_PAYLOAD_BYTES}`)
  }
  return Number(length)
}
