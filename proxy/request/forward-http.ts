import type { ConnectionPools } from './connection-pools.ts'
import { type Exchange, hasBody } from './exchange.ts'
import type { FlatHeaders } from './head.ts'
import { requestTrailers } from './headers.ts'
import { RequestBody } from './request-body.ts'
import { ResponseRelay } from './response-relay.ts'
import type { Upstream } from './upstream.ts'
import { upstreamError } from './upstream-error.ts'

/** What is sent where. Written only where that was allowed: for a `Permit` (pipeline.ts), a `DockerCall` (appapi/control.ts), and by the front. */
export interface ForwardPlan {
  readonly upstream: Upstream
  /** Path and query, byte for byte. */
  readonly path: string
  readonly headers: FlatHeaders
  /** AppAPI itself asks: a name that does not resolve is no "not found" for it (Q40). */
  readonly signed: boolean
  /** Called with the upstream's status before the client sees it. */
  readonly onStatus: (status: number) => void
  /** Limit for the response head and for gaps in the response; default: `HP_TIMEOUT_SERVER`. */
  readonly responseTimeoutMs?: number
}

export interface ForwardDeps {
  readonly pools: ConnectionPools
  readonly timeouts: { readonly clientMs: number; readonly serverMs: number; readonly tunnelMs: number }
}

/** Safe to send again when a kept connection turned out to be closed: no body, no effect (RFC 9110 §9.2.1). */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Forwards one request and streams its response. Throws a `RequestError` while the client can still be answered. */
export async function forwardHttp(plan: ForwardPlan, exchange: Exchange, deps: ForwardDeps): Promise<void> {
  const { carrier } = exchange
  const body = hasBody(exchange) ? new RequestBody(carrier.incoming, deps.timeouts.clientMs) : null
  if (exchange.expectsContinue) carrier.sendContinue()
  try {
    try {
      await dispatch(plan, exchange, body, deps)
    } catch (error) {
      if (!canRepeat(exchange, error, body)) throw error
      await dispatch(plan, exchange, body, deps)
    }
    if (body && !carrier.incoming.readableEnded) carrier.discardBody() // the upstream answered without it
  } catch (error) {
    const failure = body?.errored ?? error // the client's own failing explains the upstream's abort
    if (carrier.headSent) carrier.cutShort() // it has a head already
    throw upstreamError(failure, plan)
  } finally {
    body?.destroy()
  }
}

async function dispatch(plan: ForwardPlan, { carrier }: Exchange, body: RequestBody | null, { pools, timeouts }: ForwardDeps): Promise<void> {
  const relay = new ResponseRelay({ carrier, hasBody: body !== null, clientStallMs: timeouts.clientMs, onHead: plan.onStatus })
  // Before undici, which then ends the body or the connection upstream.
  body?.once('end', () => relay.bodyEnded(requestTrailers(carrier.trailers))).once('error', relay.cutBody)
  const timeoutMs = plan.responseTimeoutMs ?? timeouts.serverMs
  const options = { path: plan.path, method: carrier.method, headers: plan.headers, body, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  // undici closes the connection after every HEAD unless told that this one may be kept.
  pools.poolFor(plan.upstream).dispatch(carrier.method === 'HEAD' ? { ...options, reset: false } : options, relay)
  await relay.done
}

/** A kept connection that its server closed just as we used it: nothing has come back yet. */
function canRepeat({ carrier }: Exchange, error: unknown, body: RequestBody | null): boolean {
  const code = (error as NodeJS.ErrnoException).code
  const closed = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
  return closed && body === null && !carrier.headSent && !carrier.isGone && repeatable.has(carrier.method)
}
