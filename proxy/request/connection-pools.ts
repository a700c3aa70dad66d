import type { Duplex } from 'node:stream'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { OnLimit } from '../limit-reached.ts'
import type { ProxyLimits } from '../limits.ts'
import type { Connect } from './connect.ts'
import { LineClient } from './upstream-line.ts'
import { type Upstream, upstreamName } from './upstream.ts'

/** An idle connection is closed by us before common servers close it (uvicorn after 5 s), so that a request seldom meets a dead one. */
const idleConnectionMs = 4_000

/** A response head; ExApps that set many cookies stay far below. */
export const maxResponseHeadBytes = 64 * 1024

/** Of each connection to an upstream. */
const lineOptions = {
  pipelining: 1,
  keepAliveTimeout: idleConnectionMs,
  keepAliveMaxTimeout: idleConnectionMs,
  maxHeaderSize: maxResponseHeadBytes,
} as const

/** Kept HTTP/1.1 connections to upstreams. One pool per upstream; the one used longest ago is closed first. */
export class ConnectionPools {
  readonly #pools: LRUCache<string, Pool>
  readonly #connect: Connect
  readonly #maxConnections: number

  constructor(connect: Connect, { upstreams, requestsPerUpstream }: Pick<ProxyLimits, 'upstreams' | 'requestsPerUpstream'>, onLimit: OnLimit) {
    this.#connect = connect
    this.#maxConnections = requestsPerUpstream
    this.#pools = new LRUCache({
      max: upstreams,
      dispose: (pool, _name, reason) => {
        if (reason !== 'evict') return
        onLimit('upstreams')
        // Requests in flight finish first; that closing is interrupted by our own end is no news to anybody.
        pool.close().catch(() => {})
      },
    })
  }

  poolFor(upstream: Upstream): Pool {
    const name = upstreamName(upstream)
    const known = this.#pools.get(name)
    if (known) return known
    const pool = new Pool('http://upstream', {
      connections: this.#maxConnections,
      factory: (origin) => new LineClient(origin, lineOptions, (signal) => this.#open(upstream, signal)),
    })
    this.#pools.set(name, pool)
    return pool
  }

  /** A socket that has ended by now would never start its request, and no limit of undici's would end it. */
  async #open(upstream: Upstream, signal: AbortSignal): Promise<Duplex> {
    const socket = await this.#connect(upstream, signal)
    if (isUsable(socket)) return socket
    throw new ConnectionEndedError('the connection ended as soon as it was open')
  }

  /** Ends all connections at once, requests in flight included. */
  async destroy(): Promise<void> {
    const pools = [...this.#pools.values()]
    await Promise.all(pools.map((pool) => pool.destroy()))
    this.#pools.clear()
  }
}

/** `code` names it like Node's own errors: it is a closed connection as any other. */
class ConnectionEndedError extends Error {
  readonly code = 'ECONNRESET'
}

const isUsable = (socket: Duplex): boolean => !socket.destroyed && !socket.readableEnded && socket.writable
