import type { TunnelClaim, TunnelIdentity } from './tokens.ts'

/** Remote ports of Docker Engines (HaRP contract §2.1). The first is the engine's beside the data plane, where its socket is there. */
export const ENGINE_PORTS = { first: 24_000, last: 24_099 } as const

/** An engine that may dial in. */
export interface ListedEngine {
  readonly name: string
  readonly port: number
  /** Which of its tokens are valid: those of this generation, empty for those without one. Another generation revokes them all. */
  readonly generation: string
}

/** The engines that may dial in; without a list every client with a right token may be one. */
export type EngineList = readonly ListedEngine[] | undefined

/** Whether this remote port is an engine's. */
export const isEnginePort = (remotePort: number): boolean => remotePort >= ENGINE_PORTS.first && remotePort <= ENGINE_PORTS.last

/** Why this identity may not have an engine's tunnel, as frpc is to print it; undefined if it may, or if the tunnel is no engine's. */
export function engineRefusal(list: EngineList, identity: TunnelIdentity, { proxyName, remotePort }: TunnelClaim): string | undefined {
  if (list === undefined || !isEnginePort(remotePort)) return undefined
  const engine = list.find(({ name }) => name === proxyName)
  if (!engine) return `the list of engines of this server has no [${proxyName}]`
  if (engine.port !== remotePort) return `the list of engines of this server gives [${proxyName}] the remotePort ${engine.port}, not ${remotePort}`
  if (identity.kind !== 'engine' || identity.generation === engine.generation) return undefined
  return `this token of Docker Engine [${proxyName}] has been revoked: it takes the one of the present generation`
}

/** The same for a login, before anything is claimed: an engine token names the tunnel that it is for. */
export function engineLoginRefusal(list: EngineList, identity: TunnelIdentity): string | undefined {
  if (identity.kind !== 'engine') return undefined
  return engineRefusal(list, identity, { proxyName: identity.engineName, remotePort: identity.remotePort })
}
