import type { TunnelLimits } from '../limits.ts'
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

export interface ControlContext {
  readonly claimRules: ClaimRules
  readonly outcomes: ClaimObserver
  readonly limits: Pick<TunnelLimits, 'silentControlMs'>
}

/** Answers what the client says on its control stream, in order, until it ends. @throws FrpProtocolError, or the stream's error */
export async function serveControl(control: ControlStream, session: TunnelSession, context: ControlContext): Promise<void> {
  const silence = session.isMultiplexed ? undefined : endWhenSilent(session, context.limits)
  try {
    for await (const message of control.messages()) {
      silence?.refresh()
      const reply = await replyTo(message, session, context)
      if (session.isClosed) return
      if (reply) await control.send(reply)
    }
  } finally {
    clearTimeout(silence)
  }
}

/** A client without a multiplexer pings by itself, and nothing else tells that it is still there. */
function endWhenSilent(session: TunnelSession, { silentControlMs }: ControlContext['limits']): NodeJS.Timeout {
  return setTimeout(() => session.close(`the client said nothing for ${silentControlMs} ms`), silentControlMs)
}

async function replyTo(
  message: ClientMessage,
  session: TunnelSession,
  { claimRules, outcomes }: ControlContext,
): Promise<ServerMessage | undefined> {
  switch (message.kind) {
    case 'NewProxy': {
      const { proxy_name, remote_port } = message.body
      const refused = await claim(message.body, session, claimRules)
      session.struckClaim = refused?.refusal === 'engine' ? { proxyName: proxy_name, remotePort: remote_port } : undefined
      if (refused) {
        outcomes.claimRefused(session, proxy_name, remote_port, refused)
        return { kind: 'NewProxyResp', body: { proxy_name, error: refused.text } }
      }
      outcomes.claimed(session)
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
