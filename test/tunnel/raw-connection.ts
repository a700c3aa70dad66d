import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { privilegeKey } from '../../proxy/tunnel/protocol/auth-key.ts'
import { CfbDecoder, CfbEncoder, deriveKey } from '../../proxy/tunnel/protocol/cipher.ts'
import { FrameDecoder, encodeFrame } from '../../proxy/tunnel/protocol/codec.ts'
import { readable } from './raw-client.ts'
import type { RawMessage } from './raw-client.ts'
import { SHARED_KEY } from './shared-key.ts'

/** One connection of an FRP client without a multiplexer, on wire v1, that does exactly what a test says. */
export class RawConnection {
  readonly socket: Socket
  received: Buffer = Buffer.alloc(0)
  readonly #encoder = new CfbEncoder(deriveKey(''))

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {}).on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])))
  }

  static async open(port: number, tls?: ConnectionOptions): Promise<RawConnection> {
    const socket = tls ? connectTls({ ...tls, port, host: '127.0.0.1' }) : connect(port, '127.0.0.1')
    await once(socket, tls ? 'secureConnect' : 'connect')
    return new RawConnection(socket)
  }

  /** A control connection that is logged in as a client of HaRP, except for `fields`, and its run id. */
  static async logIn(port: number, { fields = {}, tls }: { fields?: object; tls?: ConnectionOptions } = {}): Promise<{ control: RawConnection; runId: string }> {
    const control = await RawConnection.open(port, tls)
    control.write('o', { version: '0.71.0', privilege_key: privilegeKey('', 1), timestamp: 1, metas: { token: SHARED_KEY }, ...fields })
    while (!control.first) await once(control.socket, 'data')
    const { body } = control.first as { body: { run_id?: string } }
    return { control, runId: body.run_id ?? '' }
  }

  /** Says something in plain, as the first message of a connection is. */
  write(type: string, body: object): void {
    this.socket.write(encodeFrame(type.charCodeAt(0), JSON.stringify(body)))
  }

  /** Says something on a control connection that is logged in. */
  say(type: string, body: object): void {
    this.socket.write(this.#encoder.encode(encodeFrame(type.charCodeAt(0), JSON.stringify(body))))
  }

  /** The first message that came: the answer to a login, or StartWorkConn. Payload may follow it. */
  get first(): RawMessage | undefined {
    const frame = new FrameDecoder().push(this.received).next()
    return frame.done ? undefined : readable(frame.value.type, frame.value.payload)
  }

  /** Everything that came on a control connection. */
  heard(): RawMessage[] {
    const decoder = new FrameDecoder()
    const first = decoder.push(this.received).next()
    if (first.done) return []
    const plain = new CfbDecoder(deriveKey('')).decode(decoder.takeRest())
    return [first.value, ...new FrameDecoder().push(plain)].map(({ type, payload }) => readable(type, payload))
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
