import { ConnectionRefusedError, LoginRefusedError } from '../errors.ts'
import type { TunnelLimits } from '../limits.ts'
import { isSameIdentity } from '../tokens.ts'
import type { TunnelIdentity } from '../tokens.ts'
import { newRunId } from './login.ts'
import type { TunnelSession } from './session.ts'

/** Run id to session: every client that is logged in. */
export class Sessions {
  readonly #limits: Pick<TunnelLimits, 'sessions' | 'sessionsPerToken'>
  readonly #byRunId = new Map<string, TunnelSession>()
  #isStopped = false

  constructor(limits: Pick<TunnelLimits, 'sessions' | 'sessionsPerToken'>) {
    this.#limits = limits
  }

  /** From here on nobody logs in. */
  stop(): void {
    this.#isStopped = true
  }

  get count(): number {
    return this.#byRunId.size
  }

  /**
   * The run id for a client that had this one before. A session that it left behind ends here and now; somebody
   * else's does not, whatever run id is shown. @throws LoginRefusedError when there are too many
   * sessions, ConnectionRefusedError when the server is stopping: silently, so that the client just tries again
   */
  takeRunId(runId: string, identity: TunnelIdentity): string {
    if (this.#isStopped) throw new ConnectionRefusedError('login', 'the server is stopping')
    const former = this.#byRunId.get(runId)
    if (former && isSameIdentity(former.facts.identity, identity)) {
      former.close('replaced by a new login of the same client')
      return runId
    }
    if (this.#byRunId.size >= this.#limits.sessions) throw new LoginRefusedError('sessions', 'too many clients are connected', 'frp_sessions')
    if (identity.kind !== 'shared' && this.#sessionsOf(identity) >= this.#limits.sessionsPerToken) {
      throw new LoginRefusedError('sessions', 'too many clients are connected with this token', 'frp_sessions_per_token')
    }
    return runId === '' || former ? newRunId() : runId
  }

  #sessionsOf(identity: TunnelIdentity): number {
    let count = 0
    for (const { facts } of this.#byRunId.values()) if (isSameIdentity(facts.identity, identity)) count += 1
    return count
  }

  /** Keeps a session until it has ended. */
  add(session: TunnelSession): void {
    const { runId } = session.facts
    this.#byRunId.set(runId, session)
    void session.closed.then(() => {
      if (this.#byRunId.get(runId) === session) this.#byRunId.delete(runId)
    })
  }

  get(runId: string): TunnelSession | undefined {
    return this.#byRunId.get(runId)
  }

  list(): readonly TunnelSession[] {
    return [...this.#byRunId.values()]
  }
}
