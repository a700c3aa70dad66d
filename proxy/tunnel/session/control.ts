import type { ClientMessage, ServerMessage } from '../protocol/messages.ts'
import type { ControlStream } from './control-stream.ts'
import { PONG } from './heartbeat.ts'
import { claim } from './claim.ts'
import type { ClaimRules, RefusedClaim } from './claim.ts'
import type { TunnelSession } from './session.ts'

/** What the outside learns of a session's claims. */
export interface ClaimObserver {
  claimed(session: TunnelSession): void
  claimRefused(session: TunnelSession, proxyName: string, remotePort: number, refused: RefusedClaim): void
}

/** Answers what the client says on its control stream, in order, until it ends. @throws FrpProtocolError, or the stream's error */
export async function serveControl(
  control: ControlStream,
  session: TunnelSession,
  rules: ClaimRules,
  observer: ClaimObserver,
): Promise<void> {
  for await (const message of control.messages()) {
    const reply = await replyTo(message, session, rules, observer)
    if (session.isClosed) return
    if (reply) await control.send(reply)
  }
}

async function replyTo(
  message: ClientMessage,
  session: TunnelSession,
  rules: ClaimRules,
  observer: ClaimObserver,
): Promise<ServerMessage | undefined> {
  switch (message.kind) {
    case 'NewProxy': {
      const { proxy_name, remote_port } = message.body
      const refused = await claim(message.body, session, rules)
      if (refused) {
        observer.claimRefused(session, proxy_name, remote_port, refused)
        return { kind: 'NewProxyResp', body: { proxy_name, error: refused.text } }
      }
      observer.claimed(session)
      return { kind: 'NewProxyResp', body: { proxy_name, remote_addr: `:${remote_port}` } }
    }
    case 'CloseProxy':
      if (session.tunnel?.proxyName === message.body.proxy_name) session.unregister()
      break
    case 'Ping':
      return PONG
    case 'NatHoleVisitor': {
      const { transaction_id, proxy_name } = message.body
      const error = `xtcp server for [${proxy_name}] doesn't exist`
      return { kind: 'NatHoleResp', body: { transaction_id, detect_behavior: {}, error } }
    }
    case 'Login': // known, but without a meaning here: frps ignores them too
    case 'NewWorkConn':
    case 'NewVisitorConn':
    case 'Ignored':
      break
  }
  return undefined
}
