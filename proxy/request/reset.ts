import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/**
 * Ends a connection so that its other end sees it even while it does not read: an orderly end would wait behind what it has
 * not taken. Connections that cannot be reset are just closed: also those that are ending already, of which Node would lose the
 * handle, open for ever.
 */
export function reset(connection: Duplex): void {
  const isTcp = connection instanceof Socket && !(connection instanceof TLSSocket) && connection.remoteAddress !== undefined
  if (isTcp && !connection.writableEnded) connection.resetAndDestroy()
  else connection.destroy()
}
