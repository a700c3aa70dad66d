/**
 * What visitors, ExApps, engines and Nextcloud can make the data plane hold, as far as no setting says it. Limits of tunnel
 * clients are in `tunnel/limits.ts`; sizes of heads and bodies stand where they are read.
 */
export interface ProxyLimits {
  /** Requests that clients of HTTP/1.1 have sent ahead of the answers, on all connections. Browsers send none. */
  readonly pipelinedRequests: number
  /** Addresses with failed requests, and the same of tunnel clients; the one idle longest is forgotten. At 200 bytes each it is 10 MiB. */
  readonly failingClients: number
  /** Requests at once to one ExApp or engine: each has a connection of its own, and none waits for another's. */
  readonly requestsPerUpstream: number
  /** WebSockets at once through one tunnel. With the requests beside them they are as many as its session has streams. */
  readonly upgradesPerTunnel: number
  /** Requests that wait for tunnels to come back; each holds a visitor's connection. */
  readonly requestsWaitingForTunnels: number
  /** The same for one tunnel, so that one that is gone leaves the others theirs. */
  readonly requestsWaitingPerTunnel: number
  /** ExApps and engines with kept connections; ExApps number in the tens, but a key holder's header fallback can name any. */
  readonly upstreams: number
  /** Questions to Nextcloud at once: a hundred are under way, the others wait, at 20 ms each for a tenth of a second. */
  readonly nextcloudCalls: number
  /** Visitors whose identity is remembered. At about 150 bytes each it is 15 MiB; the one idle longest goes first. */
  readonly cachedSessions: number
  /** Records of ExApps; of one Nextcloud there are tens. */
  readonly cachedExApps: number
  /** Ids that are no ExApp's: visitors make them up, and they must not fill the memory. */
  readonly unknownExApps: number
  /** Connections of operators: a probe and a scraper need two. */
  readonly adminConnections: number
}

export const defaultLimits: ProxyLimits = {
  pipelinedRequests: 1_000,
  failingClients: 50_000,
  requestsPerUpstream: 1_000,
  upgradesPerTunnel: 3_000,
  requestsWaitingForTunnels: 4_000,
  requestsWaitingPerTunnel: 1_000,
  upstreams: 1_000,
  nextcloudCalls: 500,
  cachedSessions: 100_000,
  cachedExApps: 2_000,
  unknownExApps: 10_000,
  adminConnections: 64,
}

/** For a table that forgets its oldest entry when it is full: tells that it did. */
export const whenFull = (onFull: () => void) => (_value: unknown, _key: unknown, reason: string): void => {
  if (reason === 'evict') onFull()
}
