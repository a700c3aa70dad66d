/** Bounds of one multiplexed session; every one can be lowered for peers that are trusted less. */
export interface MuxLimits {
  /** Streams that may be open at once; a surplus SYN is answered with RST. */
  readonly maxStreams: number
  /** What a stream's receive window may grow to, from the protocol's 262144 bytes. */
  readonly receiveWindowBytes: number
  /** Control frames that may wait for the transport before the session is closed. */
  readonly maxQueuedControlFrames: number
  /** Bytes handed to the transport and not yet taken by the operating system, beyond which streams have to wait. */
  readonly socketQueueBytes: number
  /** The most one stream sends before it is the next one's turn. */
  readonly quantumBytes: number
  /** Time between two pings of ours. */
  readonly keepAliveIntervalMs: number
  /** Time in which a ping of ours has to be answered. */
  readonly keepAliveTimeoutMs: number
  /** Time that a half-closed stream waits for its other half before it is reset. */
  readonly closeTimeoutMs: number
  /** Silence of the peer after which a held-back FIN is sent nevertheless. */
  readonly heldFinIdleMs: number
}

/** What a session of a logged-in frpc gets. */
export const defaultMuxLimits: MuxLimits = {
  // One stream per running request; whoever opens the session says how many it may have.
  maxStreams: 4096,
  // Throughput of one stream is window / round trip: 1 MiB gives 20 MB/s at 50 ms. frps takes 6 MiB; this memory is ours
  // (`receive-memory.ts`).
  receiveWindowBytes: 1_048_576,
  // An ACK, a window update and an RST for each stream, and pings: far more than an honest peer leaves waiting.
  maxQueuedControlFrames: 4096,
  // A ping reply waits behind this much data and frpc gives up after 10 s: 512 KiB pass within that at 0.5 Mbit/s.
  socketQueueBytes: 524_288,
  // The fairness bound of the frp wire protocol, §9.
  quantumBytes: 65_536,
  // Both as in frp (§2): a half-open peer is found within 40 s.
  keepAliveIntervalMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  // frp waits 5 min; a live frpc answers a FIN at once (§2.4).
  closeTimeoutMs: 30_000,
  // A client that half-closed may wait long for its answer, as with an attached container: HaRP's default tunnel time-out.
  heldFinIdleMs: 1_800_000,
}
