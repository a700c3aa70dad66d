import type { ExApp } from '../nextcloud/exapp.ts'
import type { Route } from '../routes/route-table.ts'
import { AccessDeniedError, LifecyclePathError, NoRouteError, VisitorUnidentifiedError } from './errors.ts'
import type { Caller } from './identity.ts'

declare const granted: unique symbol // not exported: only this file can make a Permit

/** Proof that a request may reach an ExApp, and as whom. */
export interface Permit {
  readonly [granted]: true
  readonly exApp: ExApp
  /** Value of `AUTHORIZATION-APP-API` for the ExApp. */
  readonly authorization: string
  /** Whether AppAPI itself asks. */
  readonly signed: boolean
  /** Upstream statuses that count as a failure of the client. */
  readonly bruteforceStatuses: readonly number[]
}

const permit = (fields: Omit<Permit, typeof granted>): Permit => fields as Permit

/** AppAPI's own calls to an ExApp. Exactly these: another spelling is decided by the app's routes. */
const lifecyclePaths: ReadonlySet<string> = new Set(['/heartbeat', '/init', '/enabled'])

/** Refuses AppAPI's own paths to everybody else, before Nextcloud is asked anything (HaRP contract §3.2 row 9). */
export function refuseLifecyclePath(path: string): void {
  if (lifecyclePaths.has(path)) throw new LifecyclePathError(`${path} is reserved for AppAPI's signed requests`)
}

/** Decides by the ExApp's routes (HaRP contract §3.2 rows 8 to 11). Throws what refuses. */
export function authorize(path: string, exApp: ExApp, caller: Caller): Permit {
  switch (caller.kind) {
    case 'appapi':
      return permit({ exApp, authorization: caller.signature, signed: true, bruteforceStatuses: [] })
    case 'visitor':
      return visitorPermit(exApp, caller.user.id, allowedRoute(path, exApp, caller.user.level))
    case 'unidentified': {
      // A public page stays up while Nextcloud is down; everything else needs to know who asks.
      const verdict = exApp.routes.decide(path, 0)
      if (verdict.kind !== 'allowed') throw new VisitorUnidentifiedError(caller.cause)
      return visitorPermit(exApp, '', verdict.route)
    }
  }
}

function allowedRoute(path: string, exApp: ExApp, level: 0 | 1 | 2): Route {
  const verdict = exApp.routes.decide(path, level)
  switch (verdict.kind) {
    case 'allowed':
      return verdict.route
    case 'denied':
      throw new AccessDeniedError(`route ${verdict.route.url} needs access level ${verdict.route.accessLevel}, the visitor has ${level}`)
    case 'unrouted':
      throw new NoRouteError(exApp.routeCount === 0 ? 'the ExApp declares no routes for visitors' : 'no route of the ExApp matches')
  }
}

function visitorPermit(exApp: ExApp, userId: string, route: Route): Permit {
  const authorization = Buffer.from(`${userId}:${exApp.token}`, 'utf8').toString('base64')
  return permit({ exApp, authorization, signed: false, bruteforceStatuses: route.bruteforceStatuses })
}
