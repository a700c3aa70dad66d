import { peerBlock } from '../address.ts'
import { addressShare } from '../http-connections.ts'
import { Quota } from '../quota.ts'
import { OverloadedError } from './errors.ts'
import type { Pipeline } from './pipeline.ts'
import type { Responder } from './respond.ts'

export interface RunningRequestsDeps {
  readonly pipeline: Pipeline
  readonly responder: Responder
  /** Read at each use. As many as connections: only HTTP/2, where one connection has many requests, can exceed it. */
  readonly max: () => number
}

/**
 * The pipeline for as many requests at once as may be, upgraded connections among them; one more is answered 503 before anything
 * is decided about it. Whoever has the right key is always served, as with bans.
 */
export function boundRequests({ pipeline, responder, max }: RunningRequestsDeps): Pipeline {
  const quota = new Quota(() => ({ total: max(), perKey: Math.ceil(max() * addressShare) }))
  return async (exchange) => {
    if (exchange.hasKey) return pipeline(exchange)
    const client = peerBlock(exchange.client)
    switch (quota.take(client)) {
      case 'total':
        return responder.refused(exchange, new OverloadedError('http_requests', 'too many requests run at once'))
      case 'per key':
        return responder.refused(exchange, new OverloadedError('http_requests_per_client', 'too many requests of one client run at once'))
      case 'taken':
    }
    try {
      await pipeline(exchange)
    } finally {
      quota.release(client)
    }
  }
}
