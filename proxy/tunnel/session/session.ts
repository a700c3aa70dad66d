import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Muxer } from '../mux/muxer.ts'
import { encodeMessage } from '../protocol/messages.ts'
import type { RegisteredTunnel, TunnelRegistry } from '../registry.ts'
import type { TunnelClaim, TunnelIdentity } from '../tokens.ts'
import { isAnswering } from './heartbeat.ts'
import type { WorkConnections } from './work-connections.ts'

/**
 * frpc drops a work connection that is started before it has processed NewProxyResp, and takes streams in any order:
 * started at once, most are dropped; after 100 ms none were (frp wire protocol).
 */
const START_DELAY_MS = 150

export interface SessionFacts {
  readonly runId: string
  readonly identity: TunnelIdentity
  readonly clientAddress: string
  readonly clientVersion: string
}

/** A client that has logged in: its streams, and the one tunnel that it may have. */
export class TunnelSession {
  readonly facts: SessionFacts
  readonly connectedAt = Date.now()
  readonly workConnections: WorkConnections
  readonly #muxer: Muxer
  readonly #registry: TunnelRegistry
  readonly #closed = Promise.withResolvers<string>()
  #tunnel: RegisteredTunnel | undefined
  #lastTunnel: RegisteredTunnel | undefined
  #isClosed = false

  constructor(
    facts: SessionFacts,
    parts: { readonly muxer: Muxer; readonly workConnections: WorkConnections; readonly registry: TunnelRegistry },
  ) {
    this.facts = facts
    this.#muxer = parts.muxer
    this.workConnections = parts.workConnections
    this.#registry = parts.registry
  }

  get tunnel(): RegisteredTunnel | undefined {
    return this.#tunnel
  }

  /** The tunnel that it has or had: for the last line about it. */
  get lastTunnel(): RegisteredTunnel | undefined {
    return this.#lastTunnel
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves with the reason when the session has ended. */
  get closed(): Promise<string> {
    return this.#closed.promise
  }

  /** Enters this session's tunnel in the registry, or returns who has its name or port. */
  register(claim: TunnelClaim): RegisteredTunnel | undefined {
    const tunnel = this.#newTunnel(claim)
    const holder = this.#registry.claim(tunnel)
    if (holder) return holder
    this.#tunnel = tunnel
    this.#lastTunnel = tunnel
    return undefined
  }

  /** Gives the tunnel's name and port back; streams that requests use may live on. */
  unregister(): void {
    if (this.#tunnel) this.#registry.release(this.#tunnel)
    this.#tunnel = undefined
  }

  /** Ends everything of this session at once; its name and port are free when this returns. */
  close(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.unregister()
    this.workConnections.close(reason)
    this.#muxer.close()
    this.#closed.resolve(reason)
  }

  #newTunnel({ proxyName, remotePort }: TunnelClaim): RegisteredTunnel {
    const { identity, clientAddress, clientVersion } = this.facts
    const workConnections = this.workConnections
    const muxer = this.#muxer
    const startMessage = encodeMessage({ kind: 'StartWorkConn', body: { proxy_name: proxyName } })
    const startableAt = performance.now() + START_DELAY_MS
    return {
      remotePort,
      proxyName,
      owner: identity,
      clientAddress,
      clientVersion,
      connectedAt: this.connectedAt,
      get openStreams() {
        return workConnections.active
      },
      get bytesReceived() {
        return muxer.bytesReceived
      },
      get bytesSent() {
        return muxer.bytesSent
      },
      isAlive: () => isAnswering(muxer),
      evict: (reason) => this.close(reason),
      open: async ({ timeoutMs, signal }) => {
        const deadline = performance.now() + timeoutMs
        const waitMs = startableAt - performance.now()
        if (waitMs > 0) await delay(waitMs, undefined, { signal })
        for (;;) {
          const leftMs = Math.max(0, deadline - performance.now())
          const stream = await workConnections.take({ remotePort, timeoutMs: leftMs, signal })
          if (start(stream, startMessage)) return stream
        }
      },
    }
  }
}

/** False when the stream has died while it waited: nothing was sent on it, so another one will do. */
function start(stream: Duplex, startMessage: Buffer): boolean {
  if (stream.destroyed || stream.readableEnded || !stream.writable) {
    stream.destroy()
    return false
  }
  stream.write(startMessage)
  return true
}
