import { freePorts } from '../../demo/free-ports.ts'
import { bareProxy } from '../row.ts'
import type { Stage } from '../stage.ts'
import { appIdAt } from '../stage.ts'
import type { ServedContestant } from './contestant.ts'
import { startHaproxy } from './haproxy.ts'
import { untilServes } from './until-serves.ts'

/** HAProxy → the ExApp's socket: what proxying alone costs. */
export async function startBareProxy(stage: Stage): Promise<ServedContestant> {
  await using parts = new AsyncDisposableStack()
  const [port] = await freePorts(4)
  const url = `http://127.0.0.1:${port}`
  const haproxy = parts.use(await startHaproxy(stage, { port, servers: new Map([[appIdAt(0), `unix@${stage.exAppSocket}`]]) }))
  await untilServes(`${url}/exapps/${appIdAt(0)}/public`)
  const started = parts.move()
  return {
    name: bareProxy,
    url,
    frpPort: undefined,
    pids: () => [haproxy.pid],
    restart: () => Promise.reject(new Error('no row restarts the bare proxy')),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}
