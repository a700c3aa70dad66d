import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/**
 * Ends a connection so that its other end sees it even while it does not read: an orderly end would wait behind what it has
 * not taken. Connections that cannot be reset are just closed, also those whose orderly end is under way: Node would lose their
 * handle, which then stays open for ever.
 */
export function reset(connection: Duplex): void {
  const isTcp = connection instanceof Socket && !(connection instanceof TLSSocket) && connection.remoteAddress !== undefined
  if (isTcp && !isShuttingDown(connection)) connection.resetAndDestroy()
  else connection.destroy()
}

/** Everything was written and the end is being sent; while bytes wait, it is not. */
const isShuttingDown = ({ writableEnded, writableLength, writableFinished }: Duplex): boolean => writableEnded && writableLength === 0 && !writableFinished
