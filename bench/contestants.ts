import { startBareProxy } from './peers/bare-proxy.ts'
import { startBareTunnel } from './peers/bare-tunnel.ts'
import type { ServedContestant } from './peers/contestant.ts'
import { startDataPlane } from './peers/data-plane.ts'
import type { Stage } from './stage.ts'

/** Starts the three that most rows compare, each with one tunnel; they end with the stage. */
export async function startContestants(stage: Stage): Promise<readonly ServedContestant[]> {
  const tunnel = stage.parts.use(await startBareTunnel(stage, { tunnels: 1 }))
  const plane = stage.parts.use(await startDataPlane(stage, { tunnels: 1 }))
  const proxy = stage.parts.use(await startBareProxy(stage))
  return [tunnel, plane, proxy]
}
