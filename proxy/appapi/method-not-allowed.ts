import type { FastifyInstance, HTTPMethods } from 'fastify'
import { ControlApiError } from './errors.ts'

/** Answers 405 with `Allow` for every other method of a path (HaRP contract §6.1). */
export function refuseOtherMethods(app: FastifyInstance, url: string, allowed: readonly HTTPMethods[]): void {
  app.route({
    url,
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    handler: (_request, reply) => {
      // On the reply that is sent: the refusal itself is thrown to the one place that answers.
      reply.raw.setHeader('allow', allowed.join(', '))
      throw new ControlApiError(405, '405: Method Not Allowed')
    },
  })
}
