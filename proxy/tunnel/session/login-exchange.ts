import { randomBytes } from 'node:crypto'
import { LoginRefusedError } from '../errors.ts'
import { deriveKey } from '../protocol/cipher.ts'
import { FrameTypeV2, encodeFrameV2 } from '../protocol/codec-v2.ts'
import { answerHello } from '../protocol/hello.ts'
import type { Login } from '../protocol/messages.ts'
import type { Opening } from '../protocol/opening.ts'
import { aeadCipher, cfbCipher } from '../protocol/wire.ts'
import type { ControlCipher } from '../protocol/wire.ts'
import { ControlStream } from './control-stream.ts'
import type { FrpStream } from '../frp-stream.ts'

/** HaRP's clients set no `auth.token`, so frp's own key material is that of the empty token. */
export const FRP_TOKEN = ''

/** Made from it: encrypts the control streams of wire v1, and the payload of proxies that want that. */
export const FRP_KEY = deriveKey(FRP_TOKEN)

/** What we say we are: frpc writes it into its log, and 0.61.1 is the version that HaRP's clients are told to use. */
const SERVER_VERSION = '0.61.1'

/** The stream that a Login came on. */
export interface LoginRequest {
  readonly stream: FrpStream
  readonly opening: Opening
  readonly login: Login
}

/** What goes before LoginResp, and what encrypts the stream behind it. */
export interface Agreement {
  readonly greeting: Buffer
  readonly cipher: ControlCipher
}

/** Agrees with the client on the encryption of its control stream. @throws LoginRefusedError, FrpProtocolError */
export function agree({ opening }: LoginRequest): Agreement {
  const hello = helloFor(opening)
  if (!hello) return { greeting: Buffer.alloc(0), cipher: cfbCipher(FRP_KEY) }
  if ('refusal' in hello) throw new LoginRefusedError('hello', hello.refusal)
  return { greeting: encodeFrameV2(FrameTypeV2.serverHello, hello.payload), cipher: aeadCipher(hello.keys) }
}

/** Tells the client that it is in; from here on both directions are encrypted. */
export function confirmLogin({ stream, opening: { wire } }: LoginRequest, { greeting, cipher }: Agreement, runId: string): ControlStream {
  const response = wire.encode({ kind: 'LoginResp', body: { version: SERVER_VERSION, run_id: runId } })
  stream.write(Buffer.concat([greeting, response]))
  return new ControlStream(stream, wire, cipher)
}

/** Tells the client why it is not in. */
export function refuseLogin({ stream, opening }: LoginRequest, { message }: LoginRefusedError): void {
  const hello = helloFor(opening)
  if (hello) stream.write(encodeFrameV2(FrameTypeV2.serverHello, hello.payload))
  // A refused hello says why by itself.
  if (!hello || !('refusal' in hello)) {
    stream.write(opening.wire.encode({ kind: 'LoginResp', body: { version: SERVER_VERSION, error: message } }))
  }
  stream.destroySoon()
}

function helloFor({ clientHello }: Opening) {
  return clientHello && answerHello(clientHello, { frpToken: FRP_TOKEN, random: randomBytes(32) })
}
