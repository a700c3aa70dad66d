import type { ExApp } from '../nextcloud/exapp.ts'
import { authorize, type Permit, refuseLifecyclePath } from './authorize.ts'
import type { BanList } from './ban-list.ts'
import { BannedError, ClientGoneError, ClimbingPathError, ExAppLookupError, MalformedRequestError, NoAppIdError, UnknownExAppError, WrongKeyError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Forward } from './forward.ts'
import type { ForwardPlan } from './forward-http.ts'
import { headersForExApp } from './headers.ts'
import { type Caller, type DirectRequest, exAppFromHeaders, type FindUser, identify, nobody, readDirectRequest } from './identity.ts'
import type { Responder } from './respond.ts'
import { readTarget, type Target, upstreamPath } from './target.ts'
import { unlessGone } from './unless-gone.ts'
import { upstreamFor } from './upstream.ts'

export interface PipelineDeps {
  readonly bans: BanList
  readonly findExApp: (appId: string) => ExApp | undefined | Promise<ExApp | undefined>
  readonly findUser: FindUser
  readonly expectsTunnel: (remotePort: number) => boolean
  readonly forward: Forward
  /** AppAPI's control API and the Docker Engines, for a caller with the right shared key. */
  readonly control: (exchange: Exchange, target: ControlTarget) => Promise<void>
  /** Told of each call of the control API, and whether it came with a valid key. */
  readonly onControlCall: (hasKey: boolean) => void
  /** Everything that is not ours, when the front is on. */
  readonly front: ((exchange: Exchange) => Promise<void>) | undefined
  readonly responder: Responder
  /** Told of each request while it lasts. */
  readonly requests: { begun(): void; ended(): void }
}

export type ControlTarget = Extract<Target, { kind: 'control' }>
type ExAppTarget = Extract<Target, { kind: 'exapp' }>

/** One request from its head to its answer; never throws. The order of the steps is HaRP's decision table (contract §3.2). */
export type Pipeline = (exchange: Exchange) => Promise<void>


export function createPipeline(deps: PipelineDeps): Pipeline {
  return async (exchange) => {
    deps.requests.begun()
    try {
      await decide(exchange)
      deps.responder.finished(exchange)
    } catch (error) {
      deps.responder.refused(exchange, error)
    } finally {
      deps.requests.ended()
    }
  }

  async function decide(exchange: Exchange): Promise<void> {
    if (exchange.head.hostLines > 1) throw new MalformedRequestError('more than one Host header')
    const target = readTarget(exchange.url)
    if (target.kind === 'elsewhere' && deps.front) return deps.front(exchange)
    // The right key passes: AppAPI may share its address with an attacker, behind a NAT or a proxy (Q31).
    if (!exchange.hasKey && deps.bans.isBanned(exchange.client)) throw new BannedError('banned for repeated failures')
    switch (target.kind) {
      case 'malformed':
        throw new MalformedRequestError('the request target cannot be passed on unchanged; accepted: a path of printable ASCII characters')
      case 'climbing':
        throw new ClimbingPathError('the path has a .. segment')
      case 'elsewhere':
        if (target.climbs) throw new ClimbingPathError('the path has a .. segment')
        throw new NoAppIdError('the path does not begin with /exapps/; does the reverse proxy keep that prefix?')
      case 'nameless':
        throw new NoAppIdError('the path has no app id after /exapps/')
      case 'control':
        exchange.app = 'app_api'
        deps.onControlCall(exchange.hasKey)
        if (!exchange.hasKey) throw new WrongKeyError('control API called with a wrong or no harp-shared-key')
        return deps.control(exchange, target)
      case 'exapp':
        return forwardToExApp(exchange, target)
    }
  }

  async function forwardToExApp(exchange: Exchange, target: ExAppTarget): Promise<void> {
    const direct = readDirectRequest(exchange)
    const exApp = await findExApp(exchange, target.appId, direct)
    const caller = await callerOf(exchange, target, exApp, direct)
    const permit = authorize(target.path, exApp, caller)
    await deps.forward(planFor(permit, exchange, target), exchange)
  }

  /** AppAPI's own requests do without Nextcloud: at `/init` it may not know the app yet. */
  async function findExApp(exchange: Exchange, appId: string, direct: DirectRequest | undefined): Promise<ExApp> {
    try {
      const asked = deps.findExApp(appId)
      const found = asked instanceof Promise ? await unlessGone(exchange, asked) : asked
      if (found) {
        exchange.app = found.id
        return found
      }
    } catch (error) {
      if (error instanceof ClientGoneError) throw error
      if (!direct) throw new ExAppLookupError(appId, error)
    }
    if (!direct) throw new UnknownExAppError(appId)
    return exAppFromHeaders(appId, direct)
  }

  async function callerOf(exchange: Exchange, target: ExAppTarget, exApp: ExApp, direct: DirectRequest | undefined): Promise<Caller> {
    if (direct && direct.signature !== '') return { kind: 'appapi', signature: direct.signature }
    refuseLifecyclePath(target.path)
    // Nextcloud counts a question about a visitor of an app that it does not know as an attack (AppAPI contract §8.3).
    return exchange.app === '' ? nobody : identify(exchange, exApp, deps.findUser)
  }

  function planFor(permit: Permit, exchange: Exchange, target: ExAppTarget): ForwardPlan {
    return {
      upstream: upstreamFor(permit, deps.expectsTunnel),
      path: upstreamPath(target),
      headers: headersForExApp(exchange.carrier.rawHeaders, permit, target.appId),
      signed: permit.signed,
      onStatus: (status) => {
        if (permit.bruteforceStatuses.includes(status)) deps.responder.failedUpstream(exchange, status)
      },
    }
  }
}
