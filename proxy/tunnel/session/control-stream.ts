import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { CfbDecoder, CfbEncoder, deriveKey } from '../protocol/cipher.ts'
import { FrameDecoder } from '../protocol/codec.ts'
import { encodeMessage, parseClientMessage } from '../protocol/messages.ts'
import type { ClientMessage, ServerMessage } from '../protocol/messages.ts'

/** HaRP's clients set no `auth.token`, so frp's own key material is that of the empty token. */
export const FRP_TOKEN = ''

const controlKey = deriveKey(FRP_TOKEN)

/** The control stream behind Login and LoginResp, where both directions are encrypted. */
export class ControlStream {
  readonly #stream: Duplex
  readonly #encoder = new CfbEncoder(controlKey)

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  /** Resolves when there is room for more, so that a client that does not read its answers gets no more of them. */
  async send(message: ServerMessage): Promise<void> {
    if (!this.#stream.writable) return // whoever reads messages() learns why
    if (!this.#stream.write(this.#encoder.encode(encodeMessage(message)))) await once(this.#stream, 'drain')
  }

  /** Asks for one work connection; false when the client has left too much unread to be asked more. */
  requestWorkConnection(): boolean {
    if (!this.#stream.writable || this.#stream.writableNeedDrain) return false
    this.#stream.write(this.#encoder.encode(encodeMessage({ kind: 'ReqWorkConn' })))
    return true
  }

  /** What the client says, until it ends the stream. @throws FrpProtocolError, or the stream's own error */
  async *messages(): AsyncGenerator<ClientMessage, void> {
    const decoder = new CfbDecoder(controlKey)
    const frames = new FrameDecoder()
    for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
      for (const frame of frames.push(decoder.decode(chunk))) yield parseClientMessage(frame)
    }
  }
}
