import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ConnectionPools } from '../../request/connection-pools.ts'
import { EngineClient } from './engine-client.ts'

/** A client of a server that a test plays an engine with, both gone when the test is. */
export async function engineWith(answer: (incoming: IncomingMessage, reply: ServerResponse) => void): Promise<EngineClient> {
  const folder = await mkdtemp(join(tmpdir(), 'harpoon-engine-'))
  const path = join(folder, 'engine.sock')
  const server = createServer(answer)
  server.listen(path)
  await once(server, 'listening')
  const dial = async () => {
    const socket = connect(path)
    await once(socket, 'connect')
    return socket
  }
  const pools = new ConnectionPools(dial, { upstreams: 1, requestsPerUpstream: 100 }, () => {})
  onTestFinished(async () => {
    await pools.destroy()
    server.close()
    server.closeAllConnections()
    await rm(folder, { recursive: true })
  })
  const upstream = { kind: 'unix', path } as const
  return new EngineClient({ port: 24_000, upstream, pool: pools.poolFor(upstream), version: '1.41' })
}

/** Sends JSON, or text as it is. */
export function say(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))
}
