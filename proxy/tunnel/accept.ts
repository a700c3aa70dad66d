import type { Socket } from 'node:net'
import { normalizeAddress } from '../address.ts'
import { LoginRefusedError } from './errors.ts'
import type { TunnelLimits } from './limits.ts'
import { SessionClosedError } from './mux/errors.ts'
import type { Outcomes } from './outcomes.ts'
import type { TunnelProxies } from './proxies.ts'
import type { TunnelRegistry } from './registry.ts'
import { type ArrivalContext, type LoginArrival, awaitArrival } from './session/arrival.ts'
import type { ClaimRules } from './session/claim.ts'
import type { ControlStream } from './session/control-stream.ts'
import { serveControl } from './session/control.ts'
import { linger, whenClosed } from './frp-stream.ts'
import { agree, confirmLogin, refuseLogin } from './session/login-exchange.ts'
import { type AcceptedLogin, type LoginRules, judgeLogin } from './session/login.ts'
import { joinSession } from './session/membership.ts'
import { TunnelSession } from './session/session.ts'
import type { Sessions } from './session/sessions.ts'
import { WorkConnections } from './session/work-connections.ts'
import type { Admission, Admitted } from './transport/admission.ts'
import { type Transport, type TransportRules, openTransport } from './transport/open.ts'

/** What a connection meets on its way to being a tunnel. */
export interface AcceptContext extends TransportRules, ArrivalContext {
  readonly admission: Admission
  readonly proxies: TunnelProxies
  readonly loginRules: (peer: Peer) => LoginRules
  readonly sessions: Sessions
  readonly registry: TunnelRegistry
  readonly claimRules: ClaimRules
  readonly limits: TunnelLimits
  readonly outcomes: Outcomes
}

/** Who is at the other end of a connection, before any login. */
export interface Peer extends Pick<Transport, 'certificate' | 'isWebsocket'> {
  readonly client: string
}

/** One connection, from its first byte to its end: transport, first message, login, and then a session's control stream. */
export async function accept(socket: Socket, context: AcceptContext): Promise<void> {
  const peer = normalizeAddress(socket.remoteAddress ?? '') ?? 'unknown'
  let client = peer
  let admitted: Admitted | undefined
  try {
    const { proxies } = context
    admitted = context.admission.admit(proxies.isTrusted(peer) ? undefined : peer, () => socket.destroy())
    const transport = await openTransport(socket, context, (forwarding) => {
      client = proxies.clientBehind(peer, forwarding)
      admitted?.countAs(client)
    })
    const arrival = await awaitArrival(transport, context)
    if (arrival.kind === 'work connection') {
      await joinSession(arrival, transport.certificate, context.sessions)
      admitted.leave()
      await whenClosed(transport.stream)
    } else {
      const loggedIn = await logIn(arrival, { ...transport, client }, context)
      admitted.leave()
      if (loggedIn) await serve(loggedIn, arrival, context)
    }
  } catch (error) {
    context.outcomes.refused(client, error)
  } finally {
    admitted?.leave()
    socket.destroy()
  }
}

interface LoggedIn {
  readonly session: TunnelSession
  readonly control: ControlStream
}

async function logIn(arrival: LoginArrival, peer: Peer, context: AcceptContext): Promise<LoggedIn | undefined> {
  const { request, carrier } = arrival
  try {
    const agreement = agree(request)
    const login = judgeLogin(request.login, context.loginRules(peer))
    const runId = context.sessions.takeRunId(login.runId, login.identity)
    const control = confirmLogin(request, agreement, runId)
    return { control, session: openSession({ ...login, runId }, control, arrival, peer, context) }
  } catch (error) {
    if (!(error instanceof LoginRefusedError)) throw error
    context.outcomes.loginRefused(peer.client, error) // at once: whoever guesses may have other connections open
    refuseLogin(request, error)
    await linger(carrier.closed)
    carrier.close()
    return undefined
  }
}

function openSession(login: AcceptedLogin, control: ControlStream, arrival: LoginArrival, peer: Peer, context: AcceptContext): TunnelSession {
  const { request, carrier } = arrival
  const workConnections = new WorkConnections({
    poolCount: login.poolCount,
    maxWaiters: context.limits.workConnectionWaiters,
    maxAsked: carrier.isMultiplexed ? context.limits.streamsPerSession : context.limits.connectionsAskedAtOnce,
    ask: () => control.requestWorkConnection(),
    onLimit: context.onLimit,
  })
  const { client: clientAddress, certificate } = peer
  const session = new TunnelSession({ ...login, clientAddress, certificate, wire: request.opening.wire }, { ...context, carrier, workConnections })
  arrival.sendWorkConnectionsTo(session)
  context.sessions.add(session)
  context.outcomes.loggedIn(session)
  workConnections.fill()
  return session
}

/** Until the client goes, or is made to go. */
async function serve({ session, control }: LoggedIn, { carrier }: LoginArrival, context: AcceptContext): Promise<void> {
  void carrier.closed.then((error) => session.close(error?.message ?? 'the client closed its connection'))
  void session.closed.then((reason) => context.outcomes.ended(session, reason))
  try {
    await serveControl(control, session, context)
    session.close('the client ended its control stream')
  } catch (error) {
    session.close(reasonOf(error))
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SessionClosedError) return error.cause instanceof Error ? error.cause.message : 'the client closed its connection'
  return error instanceof Error ? error.message : 'the control stream failed'
}
