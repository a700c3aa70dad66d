import type { Logger } from 'pino'
import type { OnLimit } from '../limit-reached.ts'
import { ConnectionRefusedError, FrpProtocolError } from './errors.ts'
import type { LoginRefusedError } from './errors.ts'
import type { TunnelMetrics } from './metrics.ts'
import type { RefusedClaim } from './session/claim.ts'
import type { TunnelSession } from './session/session.ts'
import type { TunnelIdentity } from './tokens.ts'

/** Failed logins by address, counted apart from failed requests. */
export interface LoginFailures {
  isBanned(address: string): boolean
  record(address: string): void
}

export interface OutcomesDeps {
  readonly log: Logger
  readonly metrics: TunnelMetrics
  readonly failures: LoginFailures
  readonly onLimit: OnLimit
}

/** What became of connections, logins and claims: one log line and one metric each, and the ban count. The only place. */
export class Outcomes {
  readonly #log: Logger
  readonly #metrics: TunnelMetrics
  readonly #failures: LoginFailures
  readonly #onLimit: OnLimit

  constructor({ log, metrics, failures, onLimit }: OutcomesDeps) {
    this.#log = log
    this.#metrics = metrics
    this.#failures = failures
    this.#onLimit = onLimit
  }

  /** A client did not get in. */
  loginRefused(client: string, { refusal, limit, message: reason }: LoginRefusedError): void {
    // Only a wrong token is a guess at a secret; a ban is not prolonged by whoever keeps trying in ignorance of it.
    if (refusal === 'token') this.#failures.record(client)
    if (limit) this.#onLimit(limit)
    this.#metrics.login(refusal)
    this.#log.warn({ client, reason }, 'tunnel login refused')
  }

  /** A connection ended before anybody logged in. */
  refused(client: string, error: unknown): void {
    if (error instanceof ConnectionRefusedError) {
      if (error.limit) this.#onLimit(error.limit)
      this.#metrics.connectionRefused(error.stage)
      // Port scanners and health checks open connections and say nothing.
      const level = error.stage === 'first byte' ? 'debug' : 'info'
      this.#log[level]({ client, stage: error.stage, reason: error.message }, 'tunnel connection refused')
      return
    }
    this.#metrics.connectionRefused('login')
    if (error instanceof FrpProtocolError) this.#log.info({ client, reason: error.message }, 'tunnel connection refused')
    else this.#log.error({ client, err: error }, 'tunnel connection failed')
  }

  loggedIn({ facts }: TunnelSession): void {
    this.#metrics.login('accepted')
    const { clientAddress: client, clientVersion: version, identity } = facts
    this.#log.debug({ client, version, owner: ownerName(identity) }, 'tunnel client logged in')
  }

  claimed({ facts, tunnel }: TunnelSession): void {
    const { clientAddress: client, clientVersion: version, identity } = facts
    const { proxyName, remotePort } = tunnel ?? {}
    this.#log.info({ proxyName, remotePort, client, version, owner: ownerName(identity) }, 'tunnel connected')
  }

  claimRefused({ facts }: TunnelSession, proxyName: string, remotePort: number, { refusal, text }: RefusedClaim): void {
    this.#metrics.claimRefused(refusal)
    const { clientAddress: client, identity } = facts
    this.#log.warn({ proxyName, remotePort, client, owner: ownerName(identity), reason: text }, 'tunnel claim refused')
  }

  ended({ facts, connectedAt, lastTunnel }: TunnelSession, reason: string): void {
    const { proxyName, remotePort } = lastTunnel ?? {}
    const seconds = Math.round((Date.now() - connectedAt) / 1000)
    this.#log.info({ proxyName, remotePort, client: facts.clientAddress, reason, seconds }, 'tunnel client disconnected')
  }
}

function ownerName(identity: TunnelIdentity): string {
  if (identity.kind === 'shared') return 'shared key'
  return identity.kind === 'exapp' ? `ExApp ${identity.appId}` : `Docker Engine ${identity.engineName}`
}
