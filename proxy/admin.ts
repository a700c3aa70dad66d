import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { Registry } from 'prom-client'
import { type Check, reportHealth } from './health.ts'
import type { OnLimit } from './limit-reached.ts'
import type { ListenAddress } from './settings/listen-address.ts'

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

export interface AdminServerOptions {
  readonly listen: ListenAddress
  readonly checks: readonly Check[]
  readonly register: Registry
  readonly maxConnections: number
  readonly onLimit: OnLimit
}

/** `/livez`, `/readyz` and `/metrics` for those who run the data plane; never published to visitors. */
export async function startAdminServer({ listen, checks, register, maxConnections, onLimit }: AdminServerOptions): Promise<AdminServer> {
  const app = Fastify({ logger: false, forceCloseConnections: true })
  app.server.maxConnections = maxConnections
  app.server.on('drop', () => onLimit('admin_connections'))
  app.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', (_request, reply) => {
    const { ready, text } = reportHealth(checks)
    return reply.code(ready ? 200 : 503).type('text/plain').send(text)
  })
  app.get('/metrics', async (_request, reply) => reply.type(register.contentType).send(await register.metrics()))
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('not found; there are /livez, /readyz and /metrics\n'))
  await app.listen({ host: listen.host, port: listen.port })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}
