import type { Duplex } from 'node:stream'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import type { Connect } from './connect.ts'
import { LineClient } from './upstream-line.ts'
import { type Upstream, upstreamName } from './upstream.ts'

/** Upstreams with kept connections; ExApps number in the tens, a header fallback (HaRP contract §3.2 row 6b) can name any. */
const maxUpstreams = 1_000

/** Requests in flight to one upstream; more wait in the pool. As many as a tunnel's session has streams. */
const maxConnectionsPerUpstream = 1_000

/** An idle connection is closed by us before common servers close it (uvicorn after 5 s), so that a request seldom meets a dead one. */
const idleConnectionMs = 4_000

/** A response head; ExApps that set many cookies stay far below. */
const maxResponseHeadBytes = 64 * 1024

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

  constructor(connect: Connect) {
    this.#connect = connect
    this.#pools = new LRUCache({
      max: maxUpstreams,
      // Requests in flight finish first; that closing is interrupted by our own end is no news to anybody.
      dispose: (pool, _name, reason) => {
        if (reason === 'evict') pool.close().catch(() => {})
      },
    })
  }

  poolFor(upstream: Upstream): Pool {
    const name = upstreamName(upstream)
    const known = this.#pools.get(name)
    if (known) return known
    const pool = new Pool('http://upstream', {
      connections: maxConnectionsPerUpstream,
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
