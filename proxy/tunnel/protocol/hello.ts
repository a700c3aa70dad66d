import { createHash, hkdfSync } from 'node:crypto'
import { z } from 'zod'
import { FrpProtocolError } from '../errors.ts'

/** Node has no XChaCha20, and every frpc offers this one too. */
const ALGORITHM = 'aes-256-gcm'
const CODEC = 'json'
const RANDOM_BYTES = 32
const KEY_BYTES = 32

/** The keys of one control connection, one for each direction. */
export interface ControlKeys {
  readonly clientToServer: Buffer
  readonly serverToClient: Buffer
}

/** The answer to a ClientHello: what to send, and the keys unless it is a refusal. */
export type ServerHello = { readonly payload: Buffer; readonly keys: ControlKeys } | { readonly payload: Buffer; readonly refusal: string }

// `bootstrap` is not read: behind a proxy that ends TLS it rightly differs from what arrives here.
const clientHello = z.object({
  capabilities: z.object({
    message: z.object({ codecs: z.array(z.string()) }),
    crypto: z.object({ algorithms: z.array(z.string()), clientRandom: z.base64() }),
  }),
})

/** Agrees on keys (frp wire protocol §8.3, §8.4); `random` are 32 fresh bytes. @throws FrpProtocolError when it is no ClientHello */
export function answerHello(clientPayload: Buffer, { frpToken, random }: { readonly frpToken: string; readonly random: Buffer }): ServerHello {
  const { message, crypto } = parse(clientPayload).capabilities
  const selected = { message: { codec: CODEC } }
  const refuse = (refusal: string) => ({ payload: Buffer.from(JSON.stringify({ selected, error: refusal })), refusal })
  if (!message.codecs.includes(CODEC)) return refuse(`no common message codec: this server has ${CODEC}`)
  if (!crypto.algorithms.includes(ALGORITHM)) return refuse(`no common encryption algorithm: this server has ${ALGORITHM}`)
  if (Buffer.from(crypto.clientRandom, 'base64').length !== RANDOM_BYTES) return refuse(`clientRandom is not of ${RANDOM_BYTES} bytes`)
  const serverRandom = random.toString('base64')
  const payload = Buffer.from(JSON.stringify({ selected: { ...selected, crypto: { algorithm: ALGORITHM, serverRandom } } }))
  return { payload, keys: deriveControlKeys(frpToken, transcriptHash(clientPayload, payload)) }
}

/** The hash of both hellos as they went over the wire, to the byte. */
export function transcriptHash(clientPayload: Buffer, serverPayload: Buffer): Buffer {
  const hash = createHash('sha256').update('frp wire v2 crypto transcript')
  for (const [label, payload] of [['client hello', clientPayload], ['server hello', serverPayload]] as const) {
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(payload.length))
    hash.update(`\0${label}\0`).update(length).update(payload)
  }
  return hash.digest()
}

export function deriveControlKeys(frpToken: string, transcript: Buffer): ControlKeys {
  const derive = (direction: string) =>
    Buffer.from(hkdfSync('sha256', frpToken, transcript, `frp wire v2 control aead ${ALGORITHM} ${direction}`, KEY_BYTES))
  return { clientToServer: derive('client-to-server'), serverToClient: derive('server-to-client') }
}

function parse(payload: Buffer): z.infer<typeof clientHello> {
  let json: unknown
  try {
    json = JSON.parse(payload.toString('utf8'))
  } catch (cause) {
    throw new FrpProtocolError('ClientHello: not JSON', { cause })
  }
  const result = clientHello.safeParse(json)
  if (result.success) return result.data
  throw new FrpProtocolError(`ClientHello: wrong value in ${result.error.issues.map((issue) => issue.path.join('.')).join(', ')}`)
}
