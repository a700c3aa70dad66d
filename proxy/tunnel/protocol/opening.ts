import { FrpProtocolError } from '../errors.ts'
import type { FrameDecoder } from './codec.ts'
import { FrameTypeV2, MAGIC_V2 } from './codec-v2.ts'
import type { ClientMessage } from './messages.ts'
import { wireV1, wireV2 } from './wire.ts'
import type { Wire } from './wire.ts'

/** How an frp connection began: its wire protocol, and the message that says what it is for. */
export interface Opening {
  readonly wire: Wire
  readonly message: ClientMessage
  /** The payload of wire v2's ClientHello, to the byte: keys are made from it. */
  readonly clientHello?: Buffer
}

/** Reads the beginning of an frp connection, whatever way it was cut. */
export class OpeningDecoder {
  #magicBytes = 0
  #wire: Wire | undefined
  #frames: FrameDecoder | undefined
  #clientHello: Buffer | undefined

  /** The opening once it is complete. @throws FrpProtocolError */
  push(chunk: Buffer): Opening | undefined {
    const rest = this.#wire ? chunk : this.#chooseWire(chunk)
    if (!this.#wire) return undefined
    this.#frames ??= this.#wire.newDecoder()
    for (const frame of this.#frames.push(rest)) {
      if (this.#wire.version === 2 && frame.type === FrameTypeV2.clientHello) {
        if (this.#clientHello) throw new FrpProtocolError('a second ClientHello')
        this.#clientHello = frame.payload
      } else {
        return checked({ wire: this.#wire, message: this.#wire.parse(frame), ...(this.#clientHello && { clientHello: this.#clientHello }) })
      }
    }
    return undefined
  }

  /** The bytes behind the opening. */
  takeRest(): Buffer {
    return this.#frames?.takeRest() ?? Buffer.alloc(0)
  }

  /** Returns what is left for the frames. */
  #chooseWire(chunk: Buffer): Buffer {
    if (chunk.length === 0) return chunk
    if (this.#magicBytes === 0 && chunk[0] !== MAGIC_V2[0]) {
      this.#wire = wireV1
      return chunk
    }
    const magic = chunk.subarray(0, MAGIC_V2.length - this.#magicBytes)
    const expected = MAGIC_V2.subarray(this.#magicBytes, this.#magicBytes + magic.length)
    if (!magic.equals(expected)) throw new FrpProtocolError('the magic bytes of wire v2 are wrong')
    this.#magicBytes += magic.length
    if (this.#magicBytes === MAGIC_V2.length) this.#wire = wireV2
    return chunk.subarray(magic.length)
  }
}

/** A ClientHello makes the keys of a control connection: a Login needs one, and nothing else may have one (as frps 0.71.0). */
function checked(opening: Opening): Opening {
  const isLogin = opening.message.kind === 'Login'
  if (isLogin && opening.wire.version === 2 && !opening.clientHello) throw new FrpProtocolError('a Login of wire v2 without ClientHello')
  if (!isLogin && opening.clientHello) throw new FrpProtocolError(`${opening.message.kind} with a ClientHello`)
  return opening
}
