/** How much one peer, and all of them together, can make this server hold and wait for. */
export interface TunnelLimits {
  /** Connections that have not logged in, together: each costs a socket and perhaps a TLS handshake, for ten seconds. */
  readonly unauthenticatedConnections: number
  /** The same from one address; after our restart all clients behind one NAT come back at once. */
  readonly unauthenticatedConnectionsPerAddress: number
  /** From the first byte of all to the login, however many layers lie between: each of them has its own time below. */
  readonly unauthenticatedMs: number
  /** Sessions that have logged in. There are 1100 ports to claim; the rest is for clients whose claim was refused. */
  readonly sessions: number
  /** The same with the token of one ExApp or engine: it opens one tunnel, but an owner that is gone may take 40 s to be missed. */
  readonly sessionsPerToken: number
  /** Streams of one session: every request in flight through a tunnel is one. */
  readonly streamsPerSession: number
  /** The same without a multiplexer, where each is a socket. */
  readonly connectionsPerSession: number
  /** Streams of one session that nobody asked for and that have not said yet what they are; a late answer may be among them. */
  readonly unaskedStreams: number
  /** Requests of one session that wait for a work connection: no more can be served than there are streams. */
  readonly workConnectionWaiters: number
  /**
   * Connections that one client without a multiplexer is asked for at once: on their way they count as connections without
   * login, of which its address has only so many.
   */
  readonly connectionsAskedAtOnce: number
  /** Until a connection, or its TLS inside, has sent its first byte: frps allows 10 s. */
  readonly firstByteMs: number
  /** Until the TLS handshake is done, client certificate included. */
  readonly tlsHandshakeMs: number
  /** Until the HTTP request of a websocket is there. */
  readonly upgradeMs: number
  /** From an open transport to a Login; frps gives every stream 10 s for its first message. */
  readonly firstMessageMs: number
  /** Until a control without a multiplexer that says nothing is ended: frpc pings every 30 s, frps allows 90 s. */
  readonly silentControlMs: number
  /** Until Nextcloud has said which port it assigned: frpc repeats a NewProxy without an answer after 20 s. */
  readonly assignedPortMs: number
}

export const DEFAULT_TUNNEL_LIMITS: TunnelLimits = {
  unauthenticatedConnections: 1024,
  unauthenticatedConnectionsPerAddress: 128,
  unauthenticatedMs: 30_000,
  sessions: 1500,
  sessionsPerToken: 8,
  // 1,000 pooled ones for requests, some thousand open WebSockets, and those that are closing. What they hold is bounded apart.
  streamsPerSession: 4096,
  connectionsPerSession: 1024,
  unaskedStreams: 64,
  workConnectionWaiters: 4096,
  connectionsAskedAtOnce: 32,
  firstByteMs: 10_000,
  tlsHandshakeMs: 10_000,
  upgradeMs: 10_000,
  firstMessageMs: 10_000,
  silentControlMs: 90_000,
  assignedPortMs: 5_000,
}
