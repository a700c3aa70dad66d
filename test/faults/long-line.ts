import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

/** A line to a port on loopback whose other end is far away. */
export interface LongLine extends AsyncDisposable {
  readonly port: number
}

/**
 * Passes connections on, and each byte and end of them so many milliseconds later. In the kernel's place, because that needs
 * a scheduler (netem) that many kernels lack.
 */
export async function startLongLine(targetPort: number, delayMs: number): Promise<LongLine> {
  const open = new Set<Socket>()
  const later = (act: () => void): void => void setTimeout(act, delayMs)
  const passOn = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => later(() => void (to.writable && to.write(chunk))))
    from.on('end', () => later(() => to.end()))
    from.on('error', () => later(() => to.resetAndDestroy()))
    from.on('close', () => open.delete(from))
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    for (const socket of [near, far]) open.add(socket)
    passOn(near, far)
    passOn(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
