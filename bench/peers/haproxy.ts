import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { startProcess } from '../../test/support/peers/child-process.ts'
import type { ChildProcess } from '../../test/support/peers/child-process.ts'
import { onServerCore } from '../machine.ts'
import type { Stage } from '../stage.ts'

/** A HAProxy to start: its port, and the server of each ExApp by the ExApp's id. */
export interface HaproxyOptions {
  readonly port: number
  readonly servers: ReadonlyMap<string, string>
}

/** HAProxy as an admin sets it up by hand for these ExApps: a route to each and HaRP's time-outs, else defaults; it decides nothing and logs nothing. */
export async function startHaproxy({ folder, programs }: Stage, { port, servers }: HaproxyOptions): Promise<ChildProcess> {
  const backends = [...servers].map(([appId, server]) => `backend ${appId}\n  server exapp ${server}\n`)
  const [only] = servers.keys()
  const config = `
global
  maxconn 9000
  nbthread 1
defaults
  mode http
  timeout connect 30s
  timeout client 30s
  timeout server 1800s
  timeout tunnel 1800s
frontend bench
  bind 127.0.0.1:${port}
  ${servers.size === 1 ? `default_backend ${only}` : 'use_backend %[path,field(3,/)]'}
${backends.join('')}`
  const file = path.join(folder, `haproxy-${port}.cfg`)
  await writeFile(file, config)
  return startProcess(onServerCore(programs.haproxy, ['-db', '-f', file]))
}
