import type { LimitName } from '../limit-reached.ts'

/** A peer broke the FRP protocol, or asked in a way that this server cannot serve: its session or stream is closed. */
export class FrpProtocolError extends Error {
  override readonly name = 'FrpProtocolError'
}

/** A connection was given up before a client had logged in, or shown that it had; `stage` says how far it came. */
export class ConnectionRefusedError extends Error {
  override readonly name = 'ConnectionRefusedError'
  readonly stage: 'limit' | 'first byte' | 'tls' | 'websocket' | 'mux' | 'login' | 'work connection'
  /** The limit that was in the way, if one was. */
  readonly limit: LimitName | undefined

  constructor(stage: ConnectionRefusedError['stage'], message: string, { limit, ...options }: ErrorOptions & { readonly limit?: LimitName } = {}) {
    super(message, options)
    this.stage = stage
    this.limit = limit
  }
}

/** Why a login was refused, as counted in metrics. */
export type LoginRefusal = 'banned' | 'token' | 'shared_key' | 'frp_token' | 'run_id' | 'hello' | 'sessions'

/** A login was refused; the message is what frpc prints, so it holds no secret. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError'
  readonly refusal: LoginRefusal
  /** The limit that was in the way, if one was. */
  readonly limit: LimitName | undefined

  constructor(refusal: LoginRefusal, message: string, limit?: LimitName) {
    super(message)
    this.refusal = refusal
    this.limit = limit
  }
}

/** No client serves this remote port now, and none came within the time allowed. */
export class TunnelNotConnectedError extends Error {
  override readonly name = 'TunnelNotConnectedError'
  readonly remotePort: number
  readonly reason: string

  constructor(remotePort: number, reason: string) {
    super(`no tunnel on remote port ${remotePort}: ${reason}`)
    this.remotePort = remotePort
    this.reason = reason
  }
}

/** A client serves this remote port, but gave no usable work connection in time. */
export class TunnelUnresponsiveError extends Error {
  override readonly name = 'TunnelUnresponsiveError'
  readonly remotePort: number
  readonly reason: string

  constructor(remotePort: number, reason: string) {
    super(`the tunnel on remote port ${remotePort} does not answer: ${reason}`)
    this.remotePort = remotePort
    this.reason = reason
  }
}

/** Too many requests wait for this tunnel, or for tunnels in general. */
export class TunnelBusyError extends Error {
  override readonly name = 'TunnelBusyError'
  readonly limit: LimitName

  constructor(limit: LimitName, message: string) {
    super(message)
    this.limit = limit
  }
}
