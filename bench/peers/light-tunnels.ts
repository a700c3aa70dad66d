import { readFile } from 'node:fs/promises'
import { sharedKey } from '../../test/support/data-plane.ts'
import type { Stage } from '../stage.ts'
import { appIdAt, portAt } from '../stage.ts'
import { openLightTunnel } from './light-tunnel.ts'

/** Handshakes at once: as many as may be without a login from one address, with room for those that are just through. */
const batch = 32

/**
 * Opens idle tunnels for the ExApps from `first` to before `end`. They live in this process, as so many frpcs would be
 * heavier than everything that is measured: TLS with a client certificate, login, claim, one spare work connection and
 * pings like frpc, but nothing behind them.
 */
export async function openLightTunnels({ certificates }: Stage, frpPort: number, { first, end }: { readonly first: number; readonly end: number }): Promise<AsyncDisposable> {
  const [ca, cert, key] = await Promise.all(['ca.crt', 'client.crt', 'client.key'].map((name) => readFile(`${certificates}/frp/${name}`)))
  await using opened = new AsyncDisposableStack()
  for (let from = first; from < end; from += batch) {
    const indexes = Array.from({ length: Math.min(batch, end - from) }, (_, offset) => from + offset)
    await Promise.all(
      indexes.map(async (index) => {
        const claim = { name: appIdAt(index), remotePort: portAt(index) }
        opened.use(await openLightTunnel({ tls: { host: '127.0.0.1', port: frpPort, servername: 'harp.nc', ca, cert, key }, token: sharedKey, claim }))
      }),
    )
  }
  return opened.move()
}
