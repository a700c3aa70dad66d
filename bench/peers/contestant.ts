import type { Contestant } from '../alternate.ts'

/** A way to the ExApp that is measured; ending it ends its processes, tunnel clients included. */
export interface ServedContestant extends Contestant, AsyncDisposable {
  /** Where requests go: `/exapps/<app id>/…` under it. */
  readonly url: string
  /** Where tunnel clients dial in; undefined where there are none. */
  readonly frpPort: number | undefined
  /** The server processes, whose CPU and memory count. */
  readonly pids: () => readonly number[]
  /** Kills the server processes, not the tunnel clients, and starts them again; resolves when they listen. */
  readonly restart: () => Promise<void>
}
