import { setTimeout as delay } from 'node:timers/promises'

/** Closing a handle takes a turn or two of the event loop, on both sides of each connection. */
const graceMs = 2_000

/** TCP connections open in this process, either side. */
export const openConnections = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length

/** Waits until this process has no more TCP connections than it had before; throws when some stay. */
export async function noConnectionsLeft(before: number): Promise<void> {
  for (const giveUpAt = performance.now() + graceMs; performance.now() < giveUpAt; await delay(10)) {
    if (openConnections() <= before) return
  }
  throw new Error(`${openConnections() - before} TCP connections are left open`)
}
