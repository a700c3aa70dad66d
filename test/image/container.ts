import { setTimeout as delay } from 'node:timers/promises'
import type { DockerEngine } from '../support/dockerd.ts'

/** A container, from the outside. */
export interface Container {
  readonly id: string
  readonly inspect: (format: string) => Promise<string>
  /** Runs JavaScript inside: these images have no shell. Gives what it printed. */
  readonly evaluate: (script: string) => Promise<string>
  readonly logs: () => Promise<string>
  /** Waits until Docker calls it healthy; rejects with its log when it ends or stays unhealthy. */
  readonly healthy: () => Promise<void>
  readonly remove: () => Promise<void>
}

/** Docker asks every second in these tests; a start takes one or two. */
const HEALTHY_TIMEOUT_MS = 60_000

/** Starts a container with `docker run`; `args` are its options, the image and the command. */
export async function startContainer({ docker }: DockerEngine, args: readonly string[]): Promise<Container> {
  const id = (await docker(['run', '--detach', ...args])).trim()
  const inspect = async (format: string) => (await docker(['inspect', '--format', format, id])).trim()
  const logs = () => docker(['logs', id], { withErrors: true })
  const healthy = async () => {
    const deadline = Date.now() + HEALTHY_TIMEOUT_MS
    for (;;) {
      const state = await inspect('{{.State.Status}} {{.State.Health.Status}}')
      if (state === 'running healthy') return
      if (Date.now() > deadline || state !== 'running starting') {
        const checks = await inspect('{{json .State.Health.Log}}')
        throw new Error(`the container is ${state}; its checks said ${checks}; it printed:\n${await logs()}`)
      }
      await delay(100)
    }
  }
  return {
    id,
    inspect,
    logs,
    healthy,
    evaluate: async (script) => (await docker(['exec', id, 'node', '-e', script])).trim(),
    remove: async () => void (await docker(['rm', '--force', '--volumes', id])),
  }
}
