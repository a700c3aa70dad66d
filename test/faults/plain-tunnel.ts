import { sharedKey } from '../support/data-plane.ts'
import { startFrpc } from '../support/frpc.ts'
import type { ChildProcess } from '../support/peers/child-process.ts'
import type { FrpVersion } from '../support/peers/frp.ts'

export interface PlainTunnelOptions {
  readonly version: FrpVersion
  /** Of a data plane that takes tunnels without TLS. */
  readonly frpPort: number
  /** Where the ExApp listens on loopback. */
  readonly localPort: number
}

/** An frpc that serves a TCP port as remote port 23000, without TLS; resolves when its tunnel is there. */
export async function connectPlainTunnel({ version, frpPort, localPort }: PlainTunnelOptions): Promise<ChildProcess> {
  const config = `
serverAddr = "127.0.0.1"
serverPort = ${frpPort}
loginFailExit = false
metadatas.token = "${sharedKey}"
transport.tls.enable = false

[[proxies]]
name = "raw"
type = "tcp"
localPort = ${localPort}
remotePort = 23000
`
  const frpc = await startFrpc({ version, config })
  await frpc.waitForOutput(/start proxy success/)
  return frpc
}
