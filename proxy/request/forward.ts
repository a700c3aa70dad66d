import type { Connect } from './connect.ts'
import type { Exchange } from './exchange.ts'
import { type ForwardDeps, forwardHttp, type ForwardPlan } from './forward-http.ts'
import { checkHandshake, forwardWebSocket } from './forward-websocket.ts'
import type { UnreadClients } from './unread-clients.ts'

/** Sends a request where its plan says, as HTTP or as an upgrade. Throws a `RequestError` while the client can still be answered. */
export type Forward = (plan: ForwardPlan, exchange: Exchange) => Promise<void>

export interface ForwardingDeps extends ForwardDeps {
  readonly connect: Connect
  readonly unread: UnreadClients
  readonly webSockets: { opened(): void; closed(): void }
}

export function createForward(deps: ForwardingDeps): Forward {
  const onOpen: Parameters<typeof forwardWebSocket>[2]['onOpen'] = (socket) => {
    deps.webSockets.opened()
    socket.once('close', () => deps.webSockets.closed())
  }
  return async (plan, exchange) => {
    if (!exchange.upgrade) return forwardHttp(plan, exchange, deps)
    checkHandshake(exchange.upgrade)
    await forwardWebSocket(plan, exchange, { ...deps, onOpen })
  }
}
