import { randomBytes } from 'node:crypto'
import { engineLoginRefusal, type EngineList } from '../engine-list.ts'
import { LoginRefusedError } from '../errors.ts'
import { isPrivilegeKey } from '../protocol/auth-key.ts'
import type { Login } from '../protocol/messages.ts'
import { identify } from '../tokens.ts'
import type { TunnelIdentity } from '../tokens.ts'
import type { WebsocketPolicy } from '../transport/open.ts'
import { FRP_TOKEN } from './login-exchange.ts'

/** frp's own bound, from 0.71.0 on. */
const MAX_RUN_ID_LENGTH = 64

/** Long enough for any version of frpc, short enough for a log line. */
const MAX_VERSION_LENGTH = 32

export interface LoginRules {
  readonly sharedKeys: readonly string[]
  /** Why the shared key opens nothing here, as frpc is to print it; undefined where it opens everything. */
  readonly sharedKeyRefusal: string | undefined
  readonly isBanned: boolean
  /** The engines that may dial in. */
  readonly engines: EngineList
}

/** A client that may open tunnels; what it says about itself is fit for logs. */
export interface AcceptedLogin {
  readonly identity: TunnelIdentity
  /** The one it had before, empty at its first login. */
  readonly runId: string
  readonly poolCount: number
  readonly clientVersion: string
}

/** Why the shared key opens nothing on this connection; undefined where it opens everything. */
export function sharedKeyRefusal(
  { certificate, isWebsocket }: { readonly certificate: string | undefined; readonly isWebsocket: boolean },
  { allowSharedKey, websocketPolicy }: { readonly allowSharedKey: boolean; readonly websocketPolicy: WebsocketPolicy },
): string | undefined {
  if (!allowSharedKey) return 'the shared key opens no tunnels on this server: use the ExApp or engine token'
  if (!isWebsocket || websocketPolicy !== 'token' || certificate !== undefined) return undefined
  return 'the shared key opens no tunnels through a websocket without client certificate: use the ExApp or engine token'
}

/** Who logs in. @throws LoginRefusedError with what frpc is to print */
export function judgeLogin(login: Login, rules: LoginRules): AcceptedLogin {
  const identity = identify(login.metas.token, rules.sharedKeys, { allowSharedKey: rules.sharedKeyRefusal === undefined })
  // A right token passes a ban: an ExApp may share its address with an attacker, behind a NAT or a bridge (Q31).
  if (!identity) throw rules.isBanned ? new LoginRefusedError('banned', 'banned') : tokenRefused(login.metas.token, rules)
  const struck = engineLoginRefusal(rules.engines, identity)
  if (struck !== undefined) throw new LoginRefusedError('engine', struck)
  if (!isPrivilegeKey(login.privilege_key, FRP_TOKEN, login.timestamp)) {
    throw new LoginRefusedError(
      'frp_token',
      "token in login doesn't match token from configuration: this server has none, remove auth.token from frpc's configuration",
    )
  }
  if (login.run_id.length > MAX_RUN_ID_LENGTH || !/^[\x21-\x7e]*$/.test(login.run_id)) {
    throw new LoginRefusedError('run_id', `invalid run id: at most ${MAX_RUN_ID_LENGTH} printable characters`)
  }
  return {
    identity,
    runId: login.run_id,
    poolCount: login.pool_count,
    clientVersion: login.version.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_VERSION_LENGTH),
  }
}

/** As frps makes them, and not to be guessed: it is all that a work connection shows. */
export function newRunId(): string {
  return randomBytes(8).toString('hex')
}

function tokenRefused(token: string, { sharedKeys, sharedKeyRefusal }: LoginRules): LoginRefusedError {
  if (token === '') return new LoginRefusedError('token', 'metadatas.token is missing: it has to hold the shared key or a tunnel token')
  if (sharedKeyRefusal !== undefined && identify(token, sharedKeys, { allowSharedKey: true })) {
    return new LoginRefusedError('shared_key', sharedKeyRefusal)
  }
  return new LoginRefusedError('token', 'metadatas.token is wrong: it has to be the shared key or a tunnel token of this server')
}
