import type { FastifyInstance, HTTPMethods } from 'fastify'

const all: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Answers 405 with `Allow` for every other method of a path (HaRP contract §6.1). */
export function refuseOtherMethods(app: FastifyInstance, url: string, allowed: readonly HTTPMethods[]): void {
  app.route({
    url,
    method: all.filter((method) => !allowed.includes(method)),
    handler: (_request, reply) => reply.code(405).header('allow', allowed.join(', ')).type('text/plain; charset=utf-8').send('405: Method Not Allowed'),
  })
}
