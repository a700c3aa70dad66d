import type { Socket } from 'node:net'
import { LoginRefusedError } from './errors.ts'
import type { TunnelLimits } from './limits.ts'
import { SessionClosedError } from './mux/errors.ts'
import { Muxer } from './mux/muxer.ts'
import type { Outcomes } from './outcomes.ts'
import type { TunnelRegistry } from './registry.ts'
import type { ClaimRules } from './session/claim.ts'
import type { ControlStream } from './session/control-stream.ts'
import { serveControl } from './session/control.ts'
import { awaitLogin, confirmLogin, refuseLogin } from './session/login-exchange.ts'
import { judgeLogin } from './session/login.ts'
import type { AcceptedLogin, LoginRules } from './session/login.ts'
import { TunnelSession } from './session/session.ts'
import type { Sessions } from './session/sessions.ts'
import { StreamSorter } from './session/streams.ts'
import { WorkConnections } from './session/work-connections.ts'
import type { Admission } from './transport/admission.ts'
import { openTransport } from './transport/open.ts'
import { normalizeAddress } from './transport/peer-address.ts'
import type { TlsTerminator } from './transport/tls.ts'

/** What a connection meets on its way to being a tunnel. */
export interface AcceptContext {
  readonly admission: Admission
  readonly tls: TlsTerminator
  readonly allowPlain: boolean
  readonly loginRules: (client: string) => LoginRules
  readonly sessions: Sessions
  readonly registry: TunnelRegistry
  readonly claimRules: ClaimRules
  readonly limits: TunnelLimits
  readonly outcomes: Outcomes
}

/** One connection, from its first byte to its end: transport, multiplexer, login, and then a session's control stream. */
export async function accept(socket: Socket, context: AcceptContext): Promise<void> {
  const client = normalizeAddress(socket.remoteAddress ?? 'unknown')
  let leave = () => {}
  try {
    leave = context.admission.admit(client)
    const transport = await openTransport(socket, context)
    const streams = new StreamSorter(context.limits.firstMessageMs)
    const muxer = new Muxer(transport, { onStream: streams.accept, limits: { maxStreams: context.limits.streamsPerSession } })
    const loggedIn = await logIn(muxer, streams, client, context)
    leave()
    if (loggedIn) await serve(loggedIn, muxer, context)
  } catch (error) {
    context.outcomes.refused(client, error)
  } finally {
    leave()
    socket.destroy()
  }
}

interface LoggedIn {
  readonly session: TunnelSession
  readonly control: ControlStream
}

async function logIn(muxer: Muxer, streams: StreamSorter, client: string, context: AcceptContext): Promise<LoggedIn | undefined> {
  const { stream, login } = await awaitLogin(muxer, streams, context.limits.firstMessageMs)
  try {
    const accepted = judgeLogin(login, context.loginRules(client))
    const runId = context.sessions.takeRunId(accepted.runId, accepted.identity)
    const control = confirmLogin(stream, runId)
    return { control, session: openSession({ ...accepted, runId }, { muxer, streams, control, client }, context) }
  } catch (error) {
    if (!(error instanceof LoginRefusedError)) throw error
    context.outcomes.loginRefused(client, error) // at once: whoever guesses may have other connections open
    await refuseLogin(stream, muxer, error)
    return undefined
  }
}

interface SessionParts {
  readonly muxer: Muxer
  readonly streams: StreamSorter
  readonly control: ControlStream
  readonly client: string
}

function openSession(login: AcceptedLogin, { muxer, streams, control, client }: SessionParts, context: AcceptContext): TunnelSession {
  const workConnections = new WorkConnections({
    poolCount: login.poolCount,
    maxWaiters: context.limits.workConnectionWaiters,
    ask: () => control.requestWorkConnection(),
  })
  const facts = { ...login, clientAddress: client }
  const session = new TunnelSession(facts, { muxer, workConnections, registry: context.registry })
  streams.sendWorkConnectionsTo({ runId: login.runId, offer: (stream) => workConnections.offer(stream) })
  context.sessions.add(session)
  context.outcomes.loggedIn(session)
  workConnections.fill()
  return session
}

/** Until the client goes, or is made to go. */
async function serve({ session, control }: LoggedIn, muxer: Muxer, context: AcceptContext): Promise<void> {
  void muxer.closed.then((error) => session.close(error?.message ?? 'the client closed its connection'))
  void session.closed.then((reason) => context.outcomes.ended(session, reason))
  try {
    await serveControl(control, session, context.claimRules, context.outcomes)
    session.close('the client ended its control stream')
  } catch (error) {
    session.close(reasonOf(error))
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SessionClosedError) return error.cause instanceof Error ? error.cause.message : 'the client closed its connection'
  return error instanceof Error ? error.message : 'the control stream failed'
}
