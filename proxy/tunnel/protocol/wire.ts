import { AeadDecoder, AeadEncoder } from './aead.ts'
import { CfbDecoder, CfbEncoder } from './cipher.ts'
import { FrameDecoder, encodeFrame, framingV1 } from './codec.ts'
import type { Frame } from './codec.ts'
import { asFrameV1, encodeMessageFrameV2, framingV2 } from './codec-v2.ts'
import type { ControlKeys } from './hello.ts'
import { encodeMessage, parseClientMessage } from './messages.ts'
import type { ClientMessage, ServerMessage } from './messages.ts'

/** One of frp's two wire protocols: the same messages in other frames. */
export interface Wire {
  readonly version: 1 | 2
  /** @throws FrpProtocolError when it would be longer than frpc accepts */
  encode(message: ServerMessage): Buffer
  newDecoder(): FrameDecoder
  /** @throws FrpProtocolError */
  parse(frame: Frame): ClientMessage
}

export const wireV1: Wire = {
  version: 1,
  encode: (message) => encodeMessage(message, encodeFrame),
  newDecoder: () => new FrameDecoder(framingV1),
  parse: parseClientMessage,
}

export const wireV2: Wire = {
  version: 2,
  encode: (message) => encodeMessage(message, encodeMessageFrameV2),
  newDecoder: () => new FrameDecoder(framingV2),
  parse: (frame) => parseClientMessage(asFrameV1(frame)),
}

/** What both directions of a control stream are encrypted with behind Login and LoginResp. */
export interface ControlCipher {
  encode(plaintext: Buffer): Buffer
  /** @throws FrpProtocolError when it can tell that the bytes were tampered with */
  decode(chunk: Buffer): Buffer
}

/** Wire v1: always on, without authentication. */
export function cfbCipher(key: Buffer): ControlCipher {
  const [encoder, decoder] = [new CfbEncoder(key), new CfbDecoder(key)]
  return { encode: (plaintext) => encoder.encode(plaintext), decode: (chunk) => decoder.decode(chunk) }
}

/** Wire v2. */
export function aeadCipher({ serverToClient, clientToServer }: ControlKeys): ControlCipher {
  const [encoder, decoder] = [new AeadEncoder(serverToClient), new AeadDecoder(clientToServer)]
  return { encode: (plaintext) => encoder.encode(plaintext), decode: (chunk) => decoder.decode(chunk) }
}
