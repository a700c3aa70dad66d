import { z } from 'zod'
import { FrpProtocolError } from '../errors.ts'
import { encodeFrame } from './codec.ts'
import type { Frame } from './codec.ts'

// Go leaves zero values out, reads null as zero, and ignores keys that it does not know: so do these schemas.
const text = z.string().nullish().transform((value) => value ?? '')
const flag = z.boolean().nullish().transform((value) => value ?? false)
const integer = z.number().int().nullish().transform((value) => value ?? 0)

/** Names are echoed twice in an answer that must stay below frp's message size, escapes included. */
const MAX_NAME_LENGTH = 256
const name = z.string().max(MAX_NAME_LENGTH).nullish().transform((value) => value ?? '')

const login = z.object({
  version: text,
  privilege_key: text,
  timestamp: integer,
  run_id: text,
  // `client_spec.always_auth_pass` is left out on purpose: over the network it would be a way around every check.
  metas: z.object({ token: text }).nullish().transform((metas) => metas ?? { token: '' }),
  pool_count: integer,
})

const newProxy = z.object({
  proxy_name: name,
  proxy_type: name.transform((type) => type || 'tcp'),
  remote_port: integer,
  use_encryption: flag,
  use_compression: flag,
  bandwidth_limit: text,
  bandwidth_limit_mode: text,
  group: text,
})

const closeProxy = z.object({ proxy_name: name })
const newWorkConn = z.object({ run_id: name })
const newVisitorConn = z.object({ proxy_name: name })
const natHoleVisitor = z.object({ transaction_id: name, proxy_name: name })

export type Login = z.infer<typeof login>
export type NewProxy = z.infer<typeof newProxy>

/** What a client may say. `Ignored` stands for known messages that mean nothing to this server. */
export type ClientMessage =
  | { readonly kind: 'Login'; readonly body: Login }
  | { readonly kind: 'NewProxy'; readonly body: NewProxy }
  | { readonly kind: 'CloseProxy'; readonly body: z.infer<typeof closeProxy> }
  | { readonly kind: 'NewWorkConn'; readonly body: z.infer<typeof newWorkConn> }
  | { readonly kind: 'NewVisitorConn'; readonly body: z.infer<typeof newVisitorConn> }
  | { readonly kind: 'NatHoleVisitor'; readonly body: z.infer<typeof natHoleVisitor> }
  | { readonly kind: 'Ping' }
  | { readonly kind: 'Ignored' }

/** What we say; keys left out are zero values to Go. */
export type ServerMessage =
  | { readonly kind: 'LoginResp'; readonly body: { version: string; run_id?: string; error?: string } }
  | { readonly kind: 'NewProxyResp'; readonly body: { proxy_name: string; remote_addr?: string; error?: string } }
  | { readonly kind: 'ReqWorkConn' }
  | { readonly kind: 'StartWorkConn'; readonly body: { proxy_name?: string; error?: string } }
  | { readonly kind: 'NewVisitorConnResp'; readonly body: { proxy_name: string; error: string } }
  | { readonly kind: 'NatHoleResp'; readonly body: { transaction_id: string; detect_behavior: object; error: string } }
  | { readonly kind: 'Pong' }

const SERVER_TYPES: Readonly<Record<ServerMessage['kind'], string>> = {
  LoginResp: '1',
  NewProxyResp: '2',
  ReqWorkConn: 'r',
  StartWorkConn: 's',
  NewVisitorConnResp: '3',
  NatHoleResp: 'm',
  Pong: '4',
}

/** As a frame of wire v1, unless another `encode` is given. @throws FrpProtocolError when it would be longer than frpc accepts */
export function encodeMessage(message: ServerMessage, encode = encodeFrame): Buffer {
  const json = 'body' in message ? JSON.stringify(message.body) : '{}'
  return encode(SERVER_TYPES[message.kind].charCodeAt(0), json)
}

/** @throws FrpProtocolError when the payload is not JSON, or a field has a wrong type */
export function parseClientMessage({ type, payload }: Frame): ClientMessage {
  switch (String.fromCharCode(type)) {
    case 'o':
      return { kind: 'Login', body: parse('Login', login, payload) }
    case 'p':
      return { kind: 'NewProxy', body: parse('NewProxy', newProxy, payload) }
    case 'c':
      return { kind: 'CloseProxy', body: parse('CloseProxy', closeProxy, payload) }
    case 'w':
      return { kind: 'NewWorkConn', body: parse('NewWorkConn', newWorkConn, payload) }
    case 'v':
      return { kind: 'NewVisitorConn', body: parse('NewVisitorConn', newVisitorConn, payload) }
    case 'i':
      return { kind: 'NatHoleVisitor', body: parse('NatHoleVisitor', natHoleVisitor, payload) }
    case 'h':
      return { kind: 'Ping' }
    default:
      return { kind: 'Ignored' }
  }
}

function parse<Body>(kind: string, schema: z.ZodType<Body>, payload: Buffer): Body {
  let json: unknown
  try {
    json = JSON.parse(payload.toString('utf8'))
  } catch (cause) {
    // Without the cause: JSON.parse quotes its input, and a Login holds the token.
    if (cause instanceof SyntaxError) json = undefined
    else throw cause
  }
  const result = schema.safeParse(json === null ? {} : json)
  if (result.success) return result.data
  const fields = result.error.issues.map((issue) => issue.path.join('.')).filter(Boolean)
  throw new FrpProtocolError(fields.length > 0 ? `${kind}: wrong value in ${fields.join(', ')}` : `${kind}: not a JSON object`)
}
