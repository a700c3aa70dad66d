import { startBareProxy } from './peers/bare-proxy.ts'
import { startBareTunnel } from './peers/bare-tunnel.ts'
import type { ServedContestant } from './peers/contestant.ts'
import { startDataPlane } from './peers/data-plane.ts'
import type { Stage } from './stage.ts'

/** Starts those that most rows compare, with one tunnel each; a quick run does without the bare proxy. They end with the stage. */
export async function startContestants(stage: Stage, { quick }: { readonly quick: boolean }): Promise<readonly ServedContestant[]> {
  const tunnel = stage.parts.use(await startBareTunnel(stage, { tunnels: 1 }))
  const plane = stage.parts.use(await startDataPlane(stage, { tunnels: 1 }))
  if (quick) return [tunnel, plane]
  const proxy = stage.parts.use(await startBareProxy(stage))
  return [tunnel, plane, proxy]
}
