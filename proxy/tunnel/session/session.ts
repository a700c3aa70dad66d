import type { Duplex } from 'node:stream'
import type { OnLimit } from '../../limit-reached.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { BandwidthLimit } from '../payload/bandwidth.ts'
import { createPayloadCodec } from '../payload/codec.ts'
import type { PayloadSettings } from '../payload/codec.ts'
import type { Wire } from '../protocol/wire.ts'
import type { RegisteredTunnel, TunnelRegistry } from '../registry.ts'
import type { TunnelClaim, TunnelIdentity } from '../tokens.ts'
import type { Carrier } from './carrier.ts'
import { isAnswering } from './heartbeat.ts'
import { FRP_KEY } from './login-exchange.ts'
import type { FrpStream } from '../frp-stream.ts'
import { ServiceCheck, leavesDeadServiceSilent } from './service-check.ts'
import { noControl } from './streams.ts'
import type { WorkConnectionOffer } from './streams.ts'
import type { WorkConnections } from './work-connections.ts'
import { WORK_CONNECTION_TIMEOUT_MS } from './work-connections.ts'
import { WorkStream } from './work-stream.ts'

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
  readonly wire: Wire
  /** Whose certificate the client proved to have; undefined where none was asked for. */
  readonly certificate: string | undefined
}

/** What a client claims, and what it wants done to the bytes that pass. */
export interface ProxySettings extends TunnelClaim, PayloadSettings {
  /** 0 means no limit. */
  readonly bytesPerSecond: number
}

/** A client that has logged in: its streams, and the one tunnel that it may have. */
export class TunnelSession {
  readonly facts: SessionFacts
  readonly connectedAt = Date.now()
  readonly workConnections: WorkConnections
  /** What it asked for last, if it did not get that because of the list of engines. */
  struckClaim: TunnelClaim | undefined
  readonly #carrier: Carrier
  readonly #registry: TunnelRegistry
  readonly #onLimit: OnLimit
  readonly #closed = Promise.withResolvers<string>()
  #tunnel: RegisteredTunnel | undefined
  #lastTunnel: RegisteredTunnel | undefined
  #isClosed = false

  constructor(
    facts: SessionFacts,
    parts: { readonly carrier: Carrier; readonly workConnections: WorkConnections; readonly registry: TunnelRegistry; readonly onLimit: OnLimit },
  ) {
    this.facts = facts
    this.#carrier = parts.carrier
    this.workConnections = parts.workConnections
    this.#registry = parts.registry
    this.#onLimit = parts.onLimit
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

  get isMultiplexed(): boolean {
    return this.#carrier.isMultiplexed
  }

  /** Work connections that were asked for and may still come. */
  get asked(): number {
    return this.workConnections.asked
  }

  /** Takes in a work connection that shows this session's run id, or says why not: that is what frpc prints. */
  take({ stream, wire, runId }: WorkConnectionOffer): string | undefined {
    if (runId !== this.facts.runId) return noControl(runId)
    const { version } = this.facts.wire
    if (wire.version !== version) return `wire protocol v${wire.version} differs from v${version} of the control connection`
    if (!this.#carrier.adopt(stream)) {
      this.#onLimit('frp_connections_per_session')
      return 'too many connections of one client'
    }
    return this.workConnections.offer(stream) ? undefined : 'work connection pool is full, discarding'
  }

  /** Enters this session's tunnel in the registry, or returns who has its name or port. */
  register(proxy: ProxySettings): RegisteredTunnel | undefined {
    const tunnel = this.#newTunnel(proxy)
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
    this.#carrier.close()
    this.#closed.resolve(reason)
  }

  #newTunnel(proxy: ProxySettings): RegisteredTunnel {
    const { proxyName, remotePort } = proxy
    const { identity, clientAddress, clientVersion } = this.facts
    const workConnections = this.workConnections
    const carrier = this.#carrier
    const startMessage = this.facts.wire.encode({ kind: 'StartWorkConn', body: { proxy_name: proxyName } })
    const treat = this.#treatmentOf(proxy)
    const startableAt = performance.now() + START_DELAY_MS
    const startOne = async (deadline: number, signal?: AbortSignal): Promise<FrpStream> => {
      for (;;) {
        const stream = await workConnections.take({ remotePort, timeoutMs: leftUntil(deadline), signal })
        if (start(stream, startMessage)) return stream
      }
    }
    const service = leavesDeadServiceSilent(clientVersion)
      ? new ServiceCheck({
          remotePort,
          open: () => startOne(performance.now() + WORK_CONNECTION_TIMEOUT_MS),
          isAnswering: () => isAnswering(carrier, workConnections, WORK_CONNECTION_TIMEOUT_MS),
        })
      : undefined
    const tunnel: RegisteredTunnel = {
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
        return carrier.bytesReceived
      },
      get bytesSent() {
        return carrier.bytesSent
      },
      isAlive: () => isAnswering(carrier, workConnections),
      evict: (reason) => {
        if (this.#tunnel === tunnel) this.close(reason) // it may have given the tunnel up by itself meanwhile
      },
      open: async ({ timeoutMs, signal }) => {
        const deadline = performance.now() + timeoutMs
        const waitMs = startableAt - performance.now()
        if (waitMs > 0) await delay(waitMs, undefined, { signal })
        await service?.pass({ timeoutMs: leftUntil(deadline), signal })
        return treat(await startOne(deadline, signal))
      },
    }
    return tunnel
  }

  /** What becomes of each work connection: a stream of a multiplexer that carries plain bytes is good as it is. */
  #treatmentOf({ bytesPerSecond, ...payload }: ProxySettings): (stream: FrpStream) => FrpStream {
    const isPlain = !payload.useEncryption && !payload.useCompression && bytesPerSecond === 0
    if (this.isMultiplexed && isPlain) return (stream) => stream
    const bandwidth = bytesPerSecond > 0 ? new BandwidthLimit(bytesPerSecond) : undefined
    return (stream) => new WorkStream(stream, { codec: createPayloadCodec(payload, FRP_KEY), bandwidth })
  }
}

const leftUntil = (deadline: number): number => Math.max(0, deadline - performance.now())

/** False when the stream has died while it waited: nothing was sent on it, so another one will do. */
function start(stream: Duplex, startMessage: Buffer): boolean {
  if (stream.destroyed || stream.readableEnded || !stream.writable) {
    stream.destroy()
    return false
  }
  stream.write(startMessage)
  return true
}
