import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ServiceUnreachableError, TunnelNotConnectedError, TunnelUnresponsiveError } from '../errors.ts'
import type { FrpStream } from '../frp-stream.ts'
import { ServiceCheck, leavesDeadServiceSilent } from './service-check.ts'

const soon = { timeoutMs: 10_000 }

describe('which frpc has to be asked', () => {
  it.each(['0.61.1', '0.67.0', '0.67.9-alpine', '0.5.1', '', 'unknown', '0.61'])('%j leaves a dead service silent, or may', (version) => {
    expect(leavesDeadServiceSilent(version)).toBe(true)
  })

  it.each(['0.68.0', '0.70.1', '0.71.0', '0.100.0', '1.0.0', '1.2.3'])('%j says so by itself', (version) => {
    expect(leavesDeadServiceSilent(version)).toBe(false)
  })
})

describe('before a request, frpc', () => {
  it('is asked each time whether it reaches its service, which gets no byte', async () => {
    await using frpc = await startFrpcStandIn(reachesItsService)
    const check = checkOf(frpc)
    await check.pass(soon)
    await check.pass(soon)
    expect(frpc.bytesRead()).toEqual([0, 0])
  })

  it('is asked once for all who come at the same time', async () => {
    await using frpc = await startFrpcStandIn(reachesItsService)
    const check = checkOf(frpc)
    await Promise.all(Array.from({ length: 50 }, () => check.pass(soon)))
    expect(frpc.bytesRead()).toHaveLength(1)
  })

  it('that leaves the connection as it is reaches nobody; the connection is cut', async () => {
    await using frpc = await startFrpcStandIn(() => {})
    await expect(checkOf(frpc).pass(soon)).rejects.toEqual(new ServiceUnreachableError(23_000))
    expect(frpc.opened.map(({ destroyed }) => destroyed)).toEqual([true])
  })

  it('that does so because it is frozen is not said to reach nobody', async () => {
    await using frpc = await startFrpcStandIn(() => {})
    const check = checkOf(frpc, { isAnswering: async () => false })
    await expect(check.pass(soon)).rejects.toEqual(new TunnelUnresponsiveError(23_000, 'frpc says nothing at all'))
  })

  it('has all the time in the world as long as it has not answered anything: the line may be slow', async () => {
    await using frpc = await startFrpcStandIn((connection) => connection.on('end', () => setTimeout(() => connection.end(), 4500)).resume())
    const check = checkOf(frpc, { isAnswering: () => delay(4000, true) })
    await expect(check.pass(soon)).resolves.toBeUndefined()
  })

  it('that cuts the connection has said nothing against its service', async () => {
    await using frpc = await startFrpcStandIn((connection) => connection.once('readable', () => connection.resetAndDestroy()))
    await expect(checkOf(frpc).pass(soon)).resolves.toBeUndefined()
  })

  it('may be unable to open a connection, and the reason is passed on', async () => {
    const lost = new TunnelNotConnectedError(23_000, 'the client closed its connection')
    const check = new ServiceCheck({ remotePort: 23_000, open: () => Promise.reject(lost), isAnswering: async () => true })
    await expect(check.pass(soon)).rejects.toBe(lost)
  })

  it('is left by a caller whose time is up or who goes away, while others wait on', async () => {
    await using frpc = await startFrpcStandIn((connection) => connection.on('end', () => setTimeout(() => connection.end(), 500)).resume())
    const check = checkOf(frpc)
    const patient = check.pass(soon)
    const caller = new AbortController()
    const gone = check.pass({ ...soon, signal: caller.signal })
    caller.abort(new Error('the visitor went away'))
    await expect(gone).rejects.toThrow('the visitor went away')
    await expect(check.pass({ timeoutMs: 50 })).rejects.toThrow('frpc did not show that it reaches its service within 50 ms')
    await patient
    const none = new ServiceCheck({ remotePort: 23_000, open: () => new Promise(() => {}), isAnswering: async () => true })
    await expect(none.pass({ timeoutMs: 50 })).rejects.toThrow('frpc opened no work connection within 50 ms')
  })
})

const reachesItsService = (connection: Socket): unknown => connection.on('end', () => connection.end()).resume()

interface FrpcStandIn extends AsyncDisposable {
  readonly open: () => Promise<FrpStream>
  /** What came on each connection. */
  readonly bytesRead: () => readonly number[]
  /** Our ends of them. */
  readonly opened: readonly FrpStream[]
}

const checkOf = ({ open }: FrpcStandIn, { isAnswering = async () => true } = {}): ServiceCheck => new ServiceCheck({ remotePort: 23_000, open, isAnswering })

/** The other end of work connections, as with `tcpMux = false`. */
async function startFrpcStandIn(onConnection: (connection: Socket) => unknown): Promise<FrpcStandIn> {
  const connections: Socket[] = []
  const opened: FrpStream[] = []
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connections.push(connection.on('error', () => {}))
    onConnection(connection)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    open: async () => {
      const stream = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
      opened.push(stream)
      await once(stream, 'connect')
      return stream
    },
    bytesRead: () => connections.map(({ bytesRead }) => bytesRead),
    opened,
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
