import type { TunnelIdentity } from '../../../proxy/tunnel/tokens.ts'

/** What Nextcloud says about apps. */
export const assignedPorts: Readonly<Record<string, number>> = { app_a: 23_000, app_b: 23_001 }

/** Who logs in. */
export const identities: readonly TunnelIdentity[] = [
  { kind: 'shared' },
  { kind: 'exapp', appId: 'app_a' },
  { kind: 'exapp', appId: 'app_b' },
  { kind: 'engine', engineName: 'engine', remotePort: 24_001, generation: '' },
]

/** What is claimed: what is owned, what is somebody else's, and what nobody may have. */
export const names = ['app_a', 'app_b', 'engine', 'other'] as const
export const ports = [23_000, 23_001, 23_002, 24_001, 22_999] as const

export interface Tunnel {
  readonly name: string
  readonly port: number
}

/** A client as it must stand: written from the frp wire protocol (§7) and docs/tunnels.md, not from the code under test. */
export interface ClientModel {
  readonly slot: number
  readonly identity: TunnelIdentity
  readonly runId: string
  tunnel: Tunnel | undefined
  /** Reads and answers nothing, though its connection is there. */
  isFrozen: boolean
}

/** What comes of a claim: what frpc prints, empty for success, and whose session ends for it. */
export interface ClaimOutcome {
  readonly error: RegExp | ''
  readonly evicted: readonly ClientModel[]
}

/** The clients that are logged in, by the place that each has in a run. */
export class ClientsModel {
  readonly #bySlot = new Map<number, ClientModel>()

  get(slot: number): ClientModel | undefined {
    return this.#bySlot.get(slot)
  }

  get all(): readonly ClientModel[] {
    return [...this.#bySlot.values()]
  }

  add(client: ClientModel): void {
    this.#bySlot.set(client.slot, client)
  }

  /** A client that is gone has given everything back. */
  remove(client: ClientModel): void {
    this.#bySlot.delete(client.slot)
  }

  withRunId(runId: string): ClientModel | undefined {
    return this.all.find((client) => client.runId === runId)
  }

  onPort(port: number): ClientModel | undefined {
    return this.all.find(({ tunnel }) => tunnel?.port === port)
  }

  /** What must come of a claim; nothing has changed yet. */
  judge(client: ClientModel, wanted: Tunnel): ClaimOutcome {
    const { tunnel, identity } = client
    const refuse = (error: RegExp): ClaimOutcome => ({ error, evicted: [] })
    if (tunnel?.name === wanted.name && tunnel.port === wanted.port) return { error: '', evicted: [] }
    if (tunnel) return refuse(/^exceed the max_ports_per_client$/)
    if (wanted.port < 23_000) return refuse(/^port not allowed$/)
    if (identity.kind === 'exapp' && wanted.name !== identity.appId) return refuse(/opens only the proxy/)
    if (identity.kind === 'engine' && (wanted.name !== identity.engineName || wanted.port !== identity.remotePort)) return refuse(/opens only the proxy/)
    const assigned = identity.kind === 'engine' ? undefined : assignedPorts[wanted.name]
    if (assigned !== undefined && assigned !== wanted.port) return refuse(/^Nextcloud assigned port/)
    return this.#takeFrom(client, wanted, assigned === wanted.port)
  }

  #takeFrom(client: ClientModel, wanted: Tunnel, isConfirmed: boolean): ClaimOutcome {
    const evicted: ClientModel[] = []
    for (;;) {
      const left = this.all.filter((other) => !evicted.includes(other))
      const holder = left.find(({ tunnel }) => tunnel?.name === wanted.name) ?? left.find(({ tunnel }) => tunnel?.port === wanted.port)
      if (!holder?.tunnel) return { error: '', evicted }
      const { name, port } = holder.tunnel
      const isSame = name === wanted.name && port === wanted.port
      const hasBetterRight = (client.identity.kind !== 'shared' && holder.identity.kind === 'shared') || (isConfirmed && !isSame && assignedPorts[name] !== port)
      if (!hasBetterRight && !holder.isFrozen) return { error: name === wanted.name ? /already exists$/ : /^port already used$/, evicted }
      evicted.push(holder)
    }
  }
}
