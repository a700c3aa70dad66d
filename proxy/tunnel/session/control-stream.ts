import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ClientMessage, ServerMessage } from '../protocol/messages.ts'
import type { ControlCipher, Wire } from '../protocol/wire.ts'

/** The control stream behind Login and LoginResp, where both directions are encrypted. */
export class ControlStream {
  readonly #stream: Duplex
  readonly #wire: Wire
  readonly #cipher: ControlCipher

  constructor(stream: Duplex, wire: Wire, cipher: ControlCipher) {
    this.#stream = stream
    this.#wire = wire
    this.#cipher = cipher
  }

  /** Resolves when there is room for more, so that a client that does not read its answers gets no more of them. */
  async send(message: ServerMessage): Promise<void> {
    if (!this.#stream.writable) return // whoever reads messages() learns why
    if (!this.#write(message)) await once(this.#stream, 'drain')
  }

  /** Asks for one work connection; false when the client has left too much unread to be asked more. */
  requestWorkConnection(): boolean {
    if (!this.#stream.writable || this.#stream.writableNeedDrain) return false
    this.#write({ kind: 'ReqWorkConn' })
    return true
  }

  /** What the client says, until it ends the stream. @throws FrpProtocolError, or the stream's own error */
  async *messages(): AsyncGenerator<ClientMessage, void> {
    const frames = this.#wire.newDecoder()
    for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
      for (const frame of frames.push(this.#cipher.decode(chunk))) yield this.#wire.parse(frame)
    }
  }

  #write(message: ServerMessage): boolean {
    return this.#stream.write(this.#cipher.encode(this.#wire.encode(message)))
  }
}
