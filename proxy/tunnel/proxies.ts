import type { Forwarding } from './transport/websocket-upgrade.ts'

/** Proxies through which websockets come, and whom they speak for. */
export interface TunnelProxies {
  isTrusted(peer: string): boolean
  /** Who is held responsible for a websocket: what its request says counts only where a trusted proxy said it. */
  clientBehind(peer: string, forwarding: Forwarding): string
}
