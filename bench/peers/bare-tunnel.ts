import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { freePorts } from '../../demo/free-ports.ts'
import { startProcess } from '../../test/support/peers/child-process.ts'
import type { ChildProcess } from '../../test/support/peers/child-process.ts'
import { onServerCore } from '../machine.ts'
import { bareTunnel } from '../row.ts'
import type { Stage } from '../stage.ts'
import { appIdAt, portAt } from '../stage.ts'
import type { ServedContestant } from './contestant.ts'
import { startHaproxy } from './haproxy.ts'
import { startTunnelClient } from './tunnel-client.ts'
import { untilListens, untilServes } from './until-serves.ts'

const listenTimeoutMs = 30_000

/** HAProxy → frps → frpc → ExApp, with TLS and client certificates in the tunnel: what an admin could wire up by hand. */
export async function startBareTunnel(stage: Stage, { tunnels }: { readonly tunnels: number }): Promise<ServedContestant> {
  await using parts = new AsyncDisposableStack()
  const [port, frpPort] = await freePorts(4)
  const tunnelAddress = loopbackAddress()
  const url = `http://127.0.0.1:${port}`
  const indexes = Array.from({ length: Math.max(1, tunnels) }, (_, index) => index)
  const servers = new Map(indexes.map((index) => [appIdAt(index), `${tunnelAddress}:${portAt(index)}`]))
  const startServers = async (keeper: AsyncDisposableStack): Promise<readonly ChildProcess[]> => {
    const haproxy = keeper.use(await startHaproxy(stage, { port, servers }))
    const frps = keeper.use(await startFrps(stage, { port: frpPort, tunnelAddress }))
    return [haproxy, frps]
  }

  let running = await startServers(parts)
  for (let index = 0; index < tunnels; index++) parts.use(await startTunnelClient(stage, frpPort, index))
  if (tunnels > 0) await untilServes(`${url}/exapps/${appIdAt(0)}/public`)
  const started = parts.move()
  return {
    name: bareTunnel,
    url,
    frpPort,
    pids: () => running.map(({ pid }) => pid),
    restart: async () => {
      for (const server of running) server.kill('SIGKILL')
      await Promise.all(running.map(({ exited }) => exited))
      running = await startServers(started)
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

/** frps needs a real port for each tunnel: on an address of loopback that no other program, and no other frps, listens on. */
const loopbackAddress = (): string => ['127', randomInt(1, 255), randomInt(1, 255), randomInt(1, 255)].join('.')

interface FrpsAddresses {
  readonly port: number
  readonly tunnelAddress: string
}

async function startFrps({ folder, certificates, programs }: Stage, { port, tunnelAddress }: FrpsAddresses): Promise<ChildProcess> {
  const config = `
bindAddr = "127.0.0.1"
bindPort = ${port}
proxyBindAddr = "${tunnelAddress}"
log.level = "warn"
transport.tls.force = true
transport.tls.certFile = "${certificates}/frp/server.crt"
transport.tls.keyFile = "${certificates}/frp/server.key"
transport.tls.trustedCaFile = "${certificates}/frp/ca.crt"
`
  const file = path.join(folder, `frps-${port}.toml`)
  await writeFile(file, config)
  const frps = await startProcess(onServerCore(programs.frps, ['-c', file]))
  await untilListens(port, listenTimeoutMs)
  return frps
}
