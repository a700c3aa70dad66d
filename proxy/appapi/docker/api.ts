import type { FastifyInstance } from 'fastify'
import { type CreateDeps, createEndpoint } from './create.ts'
import { exists } from './exists.ts'
import { imageRemove } from './image-remove.ts'
import { installCertificatesEndpoint, type InstallCertificatesDeps } from './install-certificates.ts'
import { removeEndpoint } from './remove.ts'
import { dockerRoute, type DockerRoutesDeps } from './routes.ts'
import { startEndpoint, stopEndpoint } from './start-stop.ts'
import { waitForStartEndpoint } from './wait-for-start.ts'

export type DockerApiDeps = DockerRoutesDeps & CreateDeps & InstallCertificatesDeps

/** The life of an ExApp on a Docker Engine, in the order in which AppAPI asks for it (AppAPI contract §3.2). */
export function dockerApi(app: FastifyInstance, deps: DockerApiDeps): void {
  dockerRoute(app, exists, deps)
  dockerRoute(app, createEndpoint(deps), deps)
  dockerRoute(app, installCertificatesEndpoint(deps), deps)
  dockerRoute(app, startEndpoint(deps.untold), deps)
  dockerRoute(app, waitForStartEndpoint(deps), deps)
  dockerRoute(app, stopEndpoint(deps.untold), deps)
  dockerRoute(app, removeEndpoint(deps.untold), deps)
  dockerRoute(app, imageRemove, deps)
}
