import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Finds ports of loopback that nobody uses at this moment. */
export async function freePorts(count: 4): Promise<readonly [number, number, number, number]>
export async function freePorts(count: number): Promise<readonly number[]> {
  // All are held before the first is let go, so no two are the same.
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
