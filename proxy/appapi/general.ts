import type { FastifyInstance } from 'fastify'
import { refuseOtherMethods } from './method-not-allowed.ts'

/** The version of HaRP's contract that is served. AppAPI compares it with the versions it needs (AppAPI contract §1.4). */
export const harpVersion = '0.4.4'

/** `/heartbeat` and `/info` (HaRP contract §6.2). */
export function generalRoutes(app: FastifyInstance): void {
  app.get('/heartbeat', () => ({ status: 'ok' }))
  app.get('/info', () => ({ version: harpVersion, docker: true, kubernetes: { enabled: false } }))
  refuseOtherMethods(app, '/heartbeat', ['GET', 'HEAD'])
  refuseOtherMethods(app, '/info', ['GET', 'HEAD'])
}
