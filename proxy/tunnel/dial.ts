import { TunnelNotConnectedError } from './errors.ts'
import type { FrpStream } from './frp-stream.ts'
import type { RegisteredTunnel, TunnelRegistry } from './registry.ts'
import { WORK_CONNECTION_TIMEOUT_MS } from './session/work-connections.ts'

export interface DialOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs: number
}

/**
 * A stream to whatever the client of this remote port serves; the caller owns it.
 * @throws TunnelNotConnectedError, TunnelUnresponsiveError, or the signal's reason
 */
export type Dial = (remotePort: number, options: DialOptions) => Promise<FrpStream>

/** The only door from requests to tunnels. */
export function createDial({ registry }: { readonly registry: TunnelRegistry }): Dial {
  return async (remotePort, { signal, timeoutMs }) => {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const tunnel = await findTunnel(registry, remotePort, { signal, timeoutMs: deadline - performance.now() })
      const leftMs = Math.max(0, deadline - performance.now())
      try {
        return await tunnel.open({ signal, timeoutMs: Math.min(WORK_CONNECTION_TIMEOUT_MS, leftMs) })
      } catch (error) {
        // The client went away while we waited for its work connection, and may come back in time.
        const isLost = error instanceof TunnelNotConnectedError && registry.get(remotePort) !== tunnel
        if (!isLost || !registry.isExpected(remotePort)) throw error
      }
    }
  }
}

async function findTunnel(registry: TunnelRegistry, remotePort: number, options: DialOptions): Promise<RegisteredTunnel> {
  const tunnel = registry.get(remotePort)
  if (tunnel) return tunnel
  if (!registry.isExpected(remotePort)) throw new TunnelNotConnectedError(remotePort, 'no client is connected')
  return registry.awaitTunnel(remotePort, { ...options, timeoutMs: Math.max(0, options.timeoutMs) })
}
