import { FrpProtocolError } from '../errors.ts'
import type { Frame, Framing } from './codec.ts'

/** What every connection and stream of wire v2 begins with. */
export const MAGIC_V2 = Buffer.from('FRP\0\u0002\r\n')

/** What a frame of wire v2 holds (frp wire protocol §8.2). */
export const FrameTypeV2 = { clientHello: 1, serverHello: 2, message: 16 } as const

/** Longest payload either side accepts in wire v2. */
const MAX_PAYLOAD_BYTES_V2 = 65_536

// type u16, flags u16, length u32
const HEADER_BYTES = 8
const MESSAGE_ID_BYTES = 2

/** The type letters of wire v1 in the order of wire v2's message ids, which begin at 1. */
const LETTERS_BY_ID = Buffer.from('o1p2cwrsv3h4uinm56')

export const framingV2: Framing = {
  headerBytes: HEADER_BYTES,
  readHeader: (header) => {
    const [type, flags, length] = [header.readUInt16BE(0), header.readUInt16BE(2), header.readUInt32BE(4)]
    const isKnown = type === FrameTypeV2.clientHello || type === FrameTypeV2.serverHello || type === FrameTypeV2.message
    if (!isKnown) throw new FrpProtocolError(`unknown frame type ${type}`)
    if (flags !== 0) throw new FrpProtocolError(`a frame has the unknown flags 0x${flags.toString(16)}`)
    if (length > MAX_PAYLOAD_BYTES_V2) throw new FrpProtocolError(`frame length ${length} is not within 0..${MAX_PAYLOAD_BYTES_V2}`)
    return { type, length }
  },
}

/** @throws FrpProtocolError when the payload is longer than frpc would accept */
export function encodeFrameV2(type: number, payload: Buffer): Buffer {
  if (payload.length > MAX_PAYLOAD_BYTES_V2) throw new FrpProtocolError(`message of ${payload.length} bytes is too long to send`)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(type, 0)
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

/** A message by its letter of wire v1, as wire v2 writes it. @throws FrpProtocolError when it would be too long */
export function encodeMessageFrameV2(letter: number, json: string): Buffer {
  const id = Buffer.alloc(MESSAGE_ID_BYTES)
  id.writeUInt16BE(LETTERS_BY_ID.indexOf(letter) + 1)
  return encodeFrameV2(FrameTypeV2.message, Buffer.concat([id, Buffer.from(json)]))
}

/** What wire v1 would have sent for this frame. @throws FrpProtocolError when it holds no message, or one that frp does not have */
export function asFrameV1({ type, payload }: Frame): Frame {
  if (type !== FrameTypeV2.message) throw new FrpProtocolError(`a frame of type ${type} came in the place of a message`)
  if (payload.length < MESSAGE_ID_BYTES) throw new FrpProtocolError('a message without an id')
  const id = payload.readUInt16BE(0)
  const letter = LETTERS_BY_ID[id - 1]
  if (letter === undefined) throw new FrpProtocolError(`unknown message id ${id}`)
  return { type: letter, payload: payload.subarray(MESSAGE_ID_BYTES) }
}
