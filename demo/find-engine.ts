import { type DockerEngine, ensureDocker } from '../test/support/dockerd.ts'
import { type EngineRun, beginEngineRun } from '../test/support/engine-run.ts'
import { acquireLock } from '../test/support/peers/lock.ts'
import { MissingPeer } from '../test/support/peers/missing.ts'

/** A Docker Engine for the demo's ExApp. */
export interface DemoEngine {
  readonly engine: DockerEngine
  readonly run: EngineRun
  /** Removes what the demo made on it, and ends it when it is the demo's own. */
  close(): Promise<void>
}

/** The engine of this machine, or one of our own; a text says why there is none. */
export async function findEngine(): Promise<DemoEngine | string> {
  if (process.platform !== 'linux') return 'its image would be made of this machine’s own programs, which are not for Linux'
  const lock = await acquireLock('the demo’s container', 0).catch(() => undefined)
  if (!lock) return 'another demo is using the Docker Engine'
  try {
    const engine = await ensureDocker()
    const run = await beginEngineRun(engine)
    const close = async (): Promise<void> => {
      await run.close()
      await engine.stop()
      lock.release()
    }
    return { engine, run, close }
  } catch (error) {
    lock.release()
    if (error instanceof MissingPeer) return error.message
    throw error
  }
}
